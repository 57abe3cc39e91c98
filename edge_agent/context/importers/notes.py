"""Notes: Markdown with or without front matter, and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded, tidied
from edge_agent.context.items import Item, Label, from_json

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"\A#[ \t]+(.+?)[ \t#]*(?:\n|\Z)")

_KNOWN = frozenset({"title", "kind", "people", "time", "date", "end", "place", "sensitivity"})


def read(path: Path, label: Label) -> Iterator[Entry]:
    """One file is one note, known by its path.

    Front matter may give `title`, `kind`, `people`, `time` (or `date`), `end`, `place` and `sensitivity`. Without a
    title, a first heading is it, or else the file's name.
    """
    text = decoded(path.read_bytes()).replace("\r\n", "\n")
    if "\0" in text:
        yield Skipped(str(path), "it is not a text")
        return
    fields: Mapping[str, Any] = {}
    if (front := _FRONT_MATTER.match(text)) and path.suffix.lower() != ".txt":
        try:
            fields = _front_matter(front[1] or "")
        except ValueError as error:
            yield Skipped(str(path), str(error))
            return
        text = text[front.end() :]
    text = tidied(text)
    heading = _HEADING.match(text)
    if heading and not fields.get("title"):
        text = text[heading.end() :].strip()
    title = fields.get("title") or (heading[1] if heading else path.stem.replace("-", " ").replace("_", " "))
    if not text and not heading and not fields:
        yield Skipped(str(path), "it is empty")
        return
    try:
        item = from_json({**fields, "title": title, "body": text, "source": str(path)}, kind="note", label=label)
    except ValueError as error:
        yield Skipped(str(path), f"in its front matter, {error}")
        return
    yield Item(item.record, f"file:{path}")


def _front_matter(text: str) -> dict[str, Any]:
    """The fields of a note's YAML head, dates as ISO texts; what is unknown is left out.

    Raises:
        ValueError: it is no YAML mapping. A label that cannot be read must not be passed over.
    """
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        loaded = text
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ValueError("its front matter is not YAML")
    fields = {name: _plain(value) for name, value in loaded.items() if name in _KNOWN}
    if "date" in fields:
        fields.setdefault("time", fields.pop("date"))
    return fields


def _plain(value: Any) -> Any:
    """YAML's dates and numbers as the texts that they were."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value
