"""Which reader takes a file: by the end of its name, and where many apps share that, by what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_agent.context.importers import (
    bookmarks,
    chat_text,
    google_chat,
    ics,
    json_records,
    keep,
    mail,
    notes,
    pages,
    slack,
    takeout,
    telegram,
    vcf,
)
from edge_agent.context.importers.reading import Entry, Reader, Skipped
from edge_agent.context.importers.text import decoded

_HEAD_BYTES: Final = 4096
"""Enough of a file to know it by."""


def _text(path: Path) -> Iterator[Entry]:
    """A chat's export, or else a note."""
    is_chat = chat_text.recognises(_head(path))
    yield from chat_text.read(path) if is_chat else notes.read(path)


def _json(path: Path) -> Iterator[Entry]:
    """A chat's export, a note of Keep, bookmarks, or else records."""
    if slack.is_about(path) or google_chat.is_about(path) or chat_text.is_told_twice(path):
        return
    head = _head(path)
    if slack.recognises(path):
        yield from slack.read(path)
    elif google_chat.recognises(path):
        yield from google_chat.read(path)
    elif telegram.recognises(head):
        yield from telegram.read(path)
    elif keep.recognises(head):
        yield from keep.read(path)
    elif bookmarks.recognises(head):
        yield from bookmarks.read_json(path)
    elif not takeout.is_inside(path):
        yield from json_records.read_list(path)


def _html(path: Path) -> Iterator[Entry]:
    """Bookmarks, or else a note; Takeout's other pages tell what its other files tell."""
    if bookmarks.is_page(_head(path)):
        yield from bookmarks.read_page(path)
    elif not keep.is_told_twice(path) and not takeout.is_inside(path):
        yield from pages.read(path)


READERS: dict[str, Reader] = {
    ".ics": ics.read,
    ".vcf": vcf.read,
    ".eml": mail.read_eml,
    ".mbox": mail.read_mbox,
    ".md": _text,
    ".txt": _text,
    ".json": _json,
    ".jsonl": json_records.read_lines,
    ".html": _html,
    ".htm": _html,
}
"""By the end of a file's name, in small letters."""

_NAMED: Final[dict[str, Reader]] = {"Bookmarks": bookmarks.read_json, "mbox": mail.read_mbox}
"""By the whole name: Chrome gives its bookmarks no ending, nor Apple Mail the mailbox in a folder NAME.mbox."""

READERS_VERSION: Final = 4
"""Counted up when a reader learns to read more, so that files that are as they were are read again."""


def reader_of(path: Path) -> Reader | None:
    """The reader of a file; None where there is none for its kind."""
    return _NAMED.get(path.name) or READERS.get(path.suffix.lower())


def entries(path: Path) -> Iterator[Entry]:
    """The entries of one file; a file that cannot be read at all is one that is skipped."""
    reader = reader_of(path)
    if reader is None:
        yield Skipped(str(path), f"files that end in {path.suffix or 'nothing'} cannot be imported")
        return
    try:
        yield from reader(path)
    except OSError as error:
        yield Skipped(str(path), error.strerror or "it cannot be read")
    except ValueError as error:
        yield Skipped(str(path), str(error))


def _head(path: Path) -> str:
    """The first lines of a file."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    return decoded(data if len(data) < _HEAD_BYTES else data.rpartition(b"\n")[0] or data)
