"""What a simulated model server does with one chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server does with one chat. Each piece counts as one token."""

    pieces: tuple[str, ...] = ("Bees", " make", " honey", ".")
    finish_reason: str | None = "stop"
    """`stop`, `length` or `content_filter`, which each format words in its own way; others are sent as they are. None:
    the answer breaks off without a reason, as by a server that died."""
    usage: bool = True
    done: bool = True
    """Whether the last event of a stream is sent, where the format has one."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of an answer: an error, or nonsense."""
    events: tuple[bytes, ...] | None = None
    """Sent as the `data:` of a stream instead of its own events."""
    hold_after: int | None = None
    """After so many pieces, wait until `SimulatedUpstream.release` is set or the client is gone."""
    break_after: int | None = None
    """After so many pieces, drop the connection. -1: before the response."""
    first_ms: float = 0.0
    """How long the answer takes to begin."""
    between_ms: float = 0.0
    continues: bool = False
    """Leave out the pieces that came along as the answer's beginning, in the last turn."""
    echo: bool = False
    """Say what was asked, word for word: as the answer, or with another `status` in the error's message."""

    def to(self, spoken: Spoken, body: dict[str, Any]) -> Reply:
        """The reply to one chat."""
        if self.continues:
            return replace(self, pieces=tuple(_behind(self.pieces, spoken.texts(body)[-1])))
        if not self.echo:
            return self
        words = "\n".join(spoken.texts(body))
        if self.status != 200:
            return replace(self, body=spoken.error(self.status, words))
        return replace(self, pieces=tuple(re.findall(r"\s*\S+|\s+$", words)))


def _behind(pieces: Iterable[str], said: str) -> Iterator[str]:
    """The pieces that were not said yet."""
    for piece in pieces:
        if said.startswith(piece):
            said = said.removeprefix(piece)
        else:
            said = ""
            yield piece


class Spoken(Protocol):
    """A format, as a server speaks it."""

    @property
    def root(self) -> str:
        """The path of its base URL."""
        ...

    def streams(self, path: str, body: dict[str, Any]) -> bool | None:
        """Whether a chat that is posted to this path below the root wants a stream; None where none is posted there."""
        ...

    def texts(self, body: dict[str, Any]) -> list[str]:
        """What was asked, turn by turn."""
        ...

    def frames(self, reply: Reply, body: dict[str, Any]) -> Iterator[tuple[bytes, bool]]:
        """The events of a stream as they are sent, up to the last one, and which of them bring a piece."""
        ...

    @property
    def last(self) -> bytes:
        """The event that ends a stream; empty where none does."""
        ...

    def whole(self, reply: Reply, body: dict[str, Any]) -> bytes:
        """An answer in one piece."""
        ...

    def error(self, status: int, words: str) -> bytes:
        """The body of an error response that says `words` wherever it can."""
        ...


def frame(data: bytes, event: str = "") -> bytes:
    """A server-sent event."""
    return (f"event: {event}\n".encode() if event else b"") + b"data: " + data + b"\n\n"


def count(texts: Iterable[str]) -> int:
    """What the server counts a text as: a token is a word."""
    return sum(len(text.split()) for text in texts)
