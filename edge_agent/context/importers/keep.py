"""Google Keep's notes, as Google Takeout writes them: a JSON file for each, with the same as a page beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.context.importers.reading import Entry
from edge_agent.context.importers.text import html_to_text, loaded_json, tidied
from edge_agent.context.items import Item
from orchestrator.types import Record


def recognises(head: str) -> bool:
    """Whether a JSON file that begins with `head` is such a note."""
    return head.lstrip().startswith("{") and '"isTrashed"' in head and '"isPinned"' in head


def is_told_twice(path: Path) -> bool:
    """Whether a page tells the same as the note beside it."""
    return path.parent.name.lower() == "keep" and path.with_suffix(".json").exists()


def read(path: Path) -> Iterator[Entry]:
    """The note of one file; none where it is in the bin, or empty.

    Raises:
        ValueError: it is not JSON, or not such a note.
    """
    note = loaded_json(path)
    if not isinstance(note, dict):
        raise ValueError("it is not a note of Keep")
    if note.get("isTrashed"):
        return
    try:
        title, body, created = _string(note, "title"), _body(note), _moment(note)
        people = [str(sharee["email"]) for sharee in _listed(note, "sharees")]
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise ValueError("the note cannot be read") from None
    if not title and not body:
        return
    record = Record(
        kind="note",
        title=title,
        body=body,
        people=tuple(dict.fromkeys(people)),
        time=created,
        source=str(path),
    )
    known_as = note.get("createdTimestampUsec")
    yield Item.found(record, f"keep:{known_as}" if known_as else f"file:{path}")


def _body(note: Mapping[str, Any]) -> str:
    """Text, list, links, labels and names of what is attached."""
    text = _string(note, "textContent") or html_to_text(_string(note, "textContentHtml"))
    entries = [
        f"- {entry['text']}{' (done)' if entry.get('isChecked') else ''}" for entry in _listed(note, "listContent")
    ]
    links = [str(link.get("url") or "") for link in _listed(note, "annotations")]
    labels = [str(entry["name"]) for entry in _listed(note, "labels")]
    files = [str(entry["filePath"]) for entry in _listed(note, "attachments")]
    parts = [
        text,
        *entries,
        *(link for link in links if link not in text),
        f"Tags: {', '.join(labels)}." if labels else "",
        f"Attached: {', '.join(files)}." if files else "",
    ]
    return tidied("\n".join(part for part in parts if part))


def _moment(note: Mapping[str, Any]) -> datetime | None:
    """When it was written."""
    microseconds = note.get("createdTimestampUsec") or note.get("userEditedTimestampUsec")
    return datetime.fromtimestamp(int(microseconds) / 1e6, UTC).astimezone() if microseconds else None


def _string(note: Mapping[str, Any], name: str) -> str:
    value = note.get(name)
    return value if isinstance(value, str) else ""


def _listed(note: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = note.get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
