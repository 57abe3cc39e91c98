"""Which reader takes a file: by the end of its name, and where many apps share that, by what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_agent.context.importers import chat_text, ics, json_records, mail, notes, slack, telegram, vcf
from edge_agent.context.importers.reading import Entry, Reader
from edge_agent.context.importers.text import decoded
from edge_agent.context.items import Label

_HEAD_BYTES: Final = 4096
"""Enough of a file to know it by."""


def _text(path: Path, label: Label) -> Iterator[Entry]:
    """A chat's export, or else a note."""
    is_chat = chat_text.recognises(_head(path))
    yield from chat_text.read(path, label) if is_chat else notes.read(path, label)


def _json(path: Path, label: Label) -> Iterator[Entry]:
    """A workspace of Slack, an export of Telegram, or else records."""
    if slack.is_about(path) or chat_text.is_told_twice(path):
        return
    if slack.recognises(path):
        yield from slack.read(path, label)
    elif telegram.recognises(_head(path)):
        yield from telegram.read(path, label)
    else:
        yield from json_records.read_list(path, label)


READERS: dict[str, Reader] = {
    ".ics": ics.read,
    ".vcf": vcf.read,
    ".eml": mail.read_eml,
    ".mbox": mail.read_mbox,
    ".md": _text,
    ".txt": _text,
    ".json": _json,
    ".jsonl": json_records.read_lines,
}
"""By the end of a file's name, in small letters."""


READERS_VERSION: Final = 2
"""Counted up when a reader learns to read more, so that files that are as they were are read again."""


def _head(path: Path) -> str:
    """The first lines of a file."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    return decoded(data if len(data) < _HEAD_BYTES else data.rpartition(b"\n")[0] or data)
