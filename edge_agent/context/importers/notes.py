"""Notes: Markdown with or without front matter, vaults of linked notes, and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded, tidied
from edge_agent.context.items import from_json

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"\A#[ \t]+(.+?)[ \t#]*(?:\n|\Z)")
_DAILY: Final = re.compile(r"\A\d{4}-\d{2}-\d{2}\Z")
"""A vault's note of a day is named after it."""

_EMBEDDED: Final = re.compile(r"!\[\[([^\[\]|#\n]+\.\w{2,5})(?:[|#][^\[\]\n]*)?\]\]")
_LINK: Final = re.compile(r"!?\[\[([^\[\]|#\n]*)(?:#\^?([^\[\]|\n]*))?(?:\|([^\[\]\n]*))?\]\]")
_UNSEEN: Final = re.compile(r"%%.*?%%|<!--.*?-->|[ \t]\^[\w-]+$", re.DOTALL | re.MULTILINE)
"""Comments, and the names of blocks, which only links use."""

_KNOWN = frozenset({"title", "kind", "people", "time", "date", "end", "place", "sensitivity", "tags", "aliases"})
_IN_WORDS: Final = {"aliases": "Also called", "tags": "Tags:"}


def read(path: Path) -> Iterator[Entry]:
    """One file is one note, known by its path.

    Front matter may give `title`, `kind`, `people`, `time` (or `date`), `end`, `place` and `sensitivity`, and as vaults
    have it `tags` and `aliases`. Without a title, a first heading is it, or else the file's name. A note that is named
    after a day is of that day.
    """
    text = decoded(path.read_bytes()).replace("\r\n", "\n")
    if "\0" in text:
        yield Skipped(str(path), "it is not a text")
        return
    try:
        fields, text = _parted(text) if path.suffix.lower() != ".txt" else ({}, text)
    except ValueError as error:
        yield Skipped(str(path), str(error))
        return
    text = tidied(text)
    heading = _HEADING.match(text)
    if heading and not fields.get("title"):
        text = text[heading.end() :].strip()
    title = fields.get("title") or (heading[1] if heading else path.stem.replace("-", " ").replace("_", " "))
    if not text and not heading and not fields:
        yield Skipped(str(path), "it is empty")
        return
    if _DAILY.match(path.stem) and not heading:
        fields = {"time": path.stem, "title": path.stem, **fields}
        title = fields["title"]
    if path.suffix.lower() == ".txt":
        text = without_title(text, str(title))
    else:
        title, text = _plain_links(title) if isinstance(title, str) else title, _told(text, fields)
    try:
        item = from_json({**fields, "title": title, "body": text, "source": str(path)}, kind="note")
    except ValueError as error:
        yield Skipped(str(path), f"in its front matter, {error}")
        return
    yield replace(item, key=f"file:{path}")


def without_title(text: str, title: str) -> str:
    """A text without its first line where that only repeats the title, as exports of notes have it."""
    first, _, rest = text.partition("\n")
    return rest.strip() if _letters(first) == _letters(title) else text


def _letters(text: str) -> str:
    """What is left of a title in the name of a file."""
    return "".join(filter(str.isalnum, text)).lower()


def _parted(text: str) -> tuple[dict[str, Any], str]:
    """Front matter, and the text behind it.

    Raises:
        ValueError: the front matter is no YAML mapping. A label that cannot be read must not be passed over.
    """
    front = _FRONT_MATTER.match(text)
    return (_front_matter(front[1] or ""), text[front.end() :]) if front else ({}, text)


def _front_matter(text: str) -> dict[str, Any]:
    """The fields of a note's YAML head, dates as ISO texts; what is unknown is left out."""
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        loaded = text
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ValueError("its front matter is not YAML")
    fields = {name: _plain(value) for name, value in loaded.items() if name in _KNOWN}
    if "date" in fields:
        fields.setdefault("time", fields.pop("date"))
    if "people" in fields:
        fields["people"] = _unlinked(fields["people"])
    return fields


def _plain(value: Any) -> Any:
    """YAML's dates and numbers as the texts that they were."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value


def _told(text: str, fields: Mapping[str, Any]) -> str:
    """A note as its reader sees it: links as their words, then what is embedded, and its tags and other names."""
    text = _UNSEEN.sub("", text)
    files = [name.rsplit("/", 1)[-1] for name in _EMBEDDED.findall(text)]
    parts = [_plain_links(_EMBEDDED.sub("", text)), f"Attached: {', '.join(files)}." if files else ""]
    for field, words in _IN_WORDS.items():
        if names := _names(fields.get(field)):
            parts.append(f"{words} {', '.join(name.lstrip('#') for name in names)}.")
    return tidied("\n".join(part for part in parts if part))


def _plain_links(text: str) -> str:
    """ "[[Keys|the spare key]]" as "the spare key (Keys)": both are words that a question may have."""

    def shown(found: re.Match[str]) -> str:
        target, section, words = (part.strip() for part in found.groups(default=""))
        target = target.rsplit("/", 1)[-1] or section
        return f"{words} ({target})" if words and target and words.lower() != target.lower() else words or target

    return _LINK.sub(shown, text)


def _unlinked(people: Any) -> Any:
    """People who may be linked notes; YAML takes a link without quotes for a list in a list."""
    if isinstance(people, str):
        return _plain_links(people)
    if not isinstance(people, list):
        return people
    flat = _flat(_flat(people))
    return [_plain_links(person) if isinstance(person, str) else person for person in flat]


def _flat(values: list[Any]) -> list[Any]:
    """One level less deep: as deep as they are, lists of YAML may hold themselves."""
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def _names(value: Any) -> list[str]:
    """A list of YAML, or a text with commas."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return [str(name) for name in value if isinstance(name, str | int | date)] if isinstance(value, list) else []
