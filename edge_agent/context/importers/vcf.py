"""vCard files (RFC 2426, RFC 6350): contacts, through vobject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import vobject  # type: ignore[import-untyped]
from vobject.base import VObjectError  # type: ignore[import-untyped]
from vobject.vcard import Address  # type: ignore[import-untyped]

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.takeout import home_of_contacts
from edge_agent.context.importers.text import decoded, fingerprint
from edge_agent.context.items import Item, Label
from orchestrator.types import Record, Sensitivity

_MARKS = {"PRIVATE": Sensitivity.PRIVATE, "CONFIDENTIAL": Sensitivity.PRIVATE}
_CARD = re.compile(
    r"^BEGIN:VCARD\b.*?(?:^END:VCARD\b[^\n]*|\Z|(?=^BEGIN:VCARD\b))", re.DOTALL | re.MULTILINE | re.IGNORECASE
)

_FOLD = re.compile(r"\r?\n[ \t]")
# vobject drops what follows a comma in these, unless the comma is escaped; not every address book escapes it.
_ONE_TEXT = re.compile(r"^((?:[\w-]+\.)?(?:FN|NICKNAME|NOTE|TITLE)\b[^:\n]*:)(.*)$", re.MULTILINE | re.IGNORECASE)
_BARE_COMMA = re.compile(r"(?<!\\),")


def read(path: Path, label: Label) -> Iterator[Entry]:
    """The people of a vCard file; a person is known by the UID, or else by name in this file."""
    cards = _CARD.findall(decoded(path.read_bytes()))
    if not cards:
        yield Skipped(str(path), "there is no vCard in it")
    for number, text in enumerate(cards, start=1):
        try:
            entry: Entry = _item(vobject.readOne(_with_escaped_commas(text)), path, label)
        except (VObjectError, ValueError, TypeError, AttributeError, IndexError, StopIteration):
            entry = Skipped(f"{path}, card {number}", "it is not a whole vCard")
        yield entry


def _with_escaped_commas(card: str) -> str:
    return _ONE_TEXT.sub(lambda line: line[1] + _BARE_COMMA.sub(r"\\,", line[2]), _FOLD.sub("", card))


def _item(card: Any, path: Path, label: Label) -> Entry:
    name = _value(card, "fn")
    if not name:
        raise ValueError("a card needs a name")
    mark = _MARKS.get(_value(card, "class").upper())
    people = [name, *(part.strip() for value in _values(card, "nickname") for part in value.split(","))]
    record = Record(
        kind="contact",
        title=name,
        body="\n".join(_lines(card)),
        people=tuple(dict.fromkeys(person for person in people if person)),
        place=", ".join(_values(card, "adr")),
        source=str(path),
        sensitivity=label("contact", mark),
    )
    uid = _value(card, "uid")
    return Item(record, f"vcf:{uid}" if uid else f"vcf:{home_of_contacts(path)}#{fingerprint(name)}")


def _lines(card: Any) -> Iterator[str]:
    """What is known of a person, each line with the word that a question would use."""
    for name, words in (("title", "{}."), ("org", "Works at {}."), ("nickname", "Also called {}.")):
        yield from (words.format(value.rstrip(".")) for value in _values(card, name))
    for name, words in (("tel", "Phone number"), ("email", "Email"), ("adr", "Address")):
        yield from (f"{words}: {value}." for value in _values(card, name))
    yield from (f"Birthday: {_birthday(value)}." for value in _values(card, "bday"))
    yield from _values(card, "note")


def _values(card: Any, name: str) -> list[str]:
    """Every value of a property as one line of text."""
    found = (_line(entry.value) for entry in card.contents.get(name, []))
    return [text for text in found if text]


def _value(card: Any, name: str) -> str:
    """The first value of a property, or an empty string."""
    return next(iter(_values(card, name)), "")


def _line(value: Any) -> str:
    if isinstance(value, Address):
        town = f"{value.code} {value.city}".strip()
        parts = [value.box, value.extended, value.street, town, value.region, value.country]
    else:
        parts = value if isinstance(value, list) else [value]
    text = ", ".join(" ".join(str(part).split()) for part in parts if part)
    return text.removeprefix("tel:").removeprefix("mailto:")


def _birthday(value: str) -> str:
    """ "2 June 1985"; what is no full date stays as it is."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return value
    return f"{day.day} {day:%B %Y}"
