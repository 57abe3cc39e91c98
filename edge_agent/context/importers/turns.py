"""Turns of a conversation, as every chat importer yields them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import fingerprint, tidied
from edge_agent.context.items import Item
from orchestrator.types import Record

_BROKEN: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError)
"""What comes of a message that is not written as its app writes them."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, as its writer sent it."""

    author: str
    time: datetime
    text: str
    known_as: str = ""
    """What the app calls it; without it, it is known by its writer, time and text."""
    files: tuple[str, ...] = ()
    """Names of what was sent along."""


class Conversation:
    """One chat of one file: it counts the turns, and makes each a record."""

    def __init__(self, app: str, name: str, path: Path, *, known_as: str = "") -> None:
        """A conversation without turns.

        Args:
            app: "whatsapp", "signal", …
            name: what people call it: a person or a group.
            path: the file that it is read from.
            known_as: with `app` it names the thread, so that the next export continues it; `name` if left out.
        """
        self._thread = f"{app}:{known_as or name}"
        self._title = name
        self._path = path
        self._position = 0
        self._same: Counter[str] = Counter()

    def item(self, turn: Turn) -> Item | None:
        """The turn as a record, its writer first among the people; None where nothing was said or sent."""
        sent = f"Attached: {', '.join(turn.files)}." if turn.files else ""
        body = "\n".join(part for part in (tidied(turn.text), sent) if part)
        if not body:
            return None
        self._position += 1
        record = Record(
            kind="chat",
            title=self._title,
            body=body,
            people=(turn.author,) if turn.author else (),
            time=turn.time,
            source=str(self._path),
            thread=self._thread,
            position=self._position,
        )
        return Item.found(record, f"{self._thread}#{turn.known_as or self._known_as(turn, body)}")

    def _known_as(self, turn: Turn, body: str) -> str:
        """The same at the next export, also of a turn that was sent twice within its minute."""
        said = fingerprint(f"{turn.time.isoformat()}\n{turn.author}\n{body}")
        self._same[said] += 1
        return said if self._same[said] == 1 else f"{said}.{self._same[said]}"


def each(messages: Iterable[Any], where: str, read: Callable[[Any], Item | None]) -> Iterator[Entry]:
    """What `read` makes of each message of a JSON export; a broken one is told by its number behind `where`."""
    for number, message in enumerate(messages, start=1):
        try:
            item = read(message)
        except _BROKEN:
            yield Skipped(f"{where}, message {number}", "the message cannot be read")
            continue
        if item is not None:
            yield item
