"""vCard files (RFC 2426, RFC 6350): contacts, through vobject."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import vobject  # type: ignore[import-untyped]
from vobject.base import VObjectError  # type: ignore[import-untyped]

from edge_agent.context.importers.card import birthday_lines, lines, value, values
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.takeout import home_of_contacts
from edge_agent.context.importers.text import decoded, fingerprint
from edge_agent.context.items import Item
from orchestrator.types import Record, Sensitivity

_MARKS = {"PRIVATE": Sensitivity.PRIVATE, "CONFIDENTIAL": Sensitivity.PRIVATE}
_CARD = re.compile(
    r"^BEGIN:VCARD\b.*?(?:^END:VCARD\b[^\n]*|\Z|(?=^BEGIN:VCARD\b))", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_UID: Final = re.compile(r"^(?:[\w-]+\.)?UID\b[^:\n]*:(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_NAME: Final = re.compile(r"^(?:[\w-]+\.)?FN\b[^:\n]*:(.+?)\s*$", re.MULTILINE | re.IGNORECASE)

_FOLD = re.compile(r"\r?\n[ \t]")
# vobject drops what follows a comma in these, unless the comma is escaped; not every address book escapes it.
_ONE_TEXT = re.compile(r"^((?:[\w-]+\.)?(?:FN|NICKNAME|NOTE|TITLE)\b[^:\n]*:)(.*)$", re.MULTILINE | re.IGNORECASE)
_BARE_COMMA = re.compile(r"(?<!\\),")


def read(path: Path) -> Iterator[Entry]:
    """The people of a vCard file; a person is known by the UID, or else by name in this file."""
    cards = [_FOLD.sub("", card) for card in _CARD.findall(decoded(path.read_bytes()))]
    if not cards:
        yield Skipped(str(path), "there is no vCard in it")
    names = {uid[1]: name[1] for card in cards if (uid := _UID.search(card)) and (name := _NAME.search(card))}
    for number, card in enumerate(cards, start=1):
        try:
            entry: Entry = _item(vobject.readOne(_with_escaped_commas(card)), names, path)
        except (VObjectError, ValueError, TypeError, AttributeError, LookupError, StopIteration):
            entry = Skipped(f"{path}, card {number}", "it is not a whole vCard")
        yield entry


def _with_escaped_commas(card: str) -> str:
    return _ONE_TEXT.sub(lambda line: line[1] + _BARE_COMMA.sub(r"\\,", line[2]), card)


def _item(card: Any, names: Mapping[str, str], path: Path) -> Entry:
    name = value(card, "fn")
    if not name:
        raise ValueError("a card needs a name")
    mark = _MARKS.get(value(card, "class").upper())
    people = [name, *(part.strip() for nicknames in values(card, "nickname") for part in nicknames.split(","))]
    record = Record(
        kind="contact",
        title=name,
        body="\n".join(lines(card, names)),
        people=tuple(dict.fromkeys(person for person in people if person)),
        place=", ".join(values(card, "adr")),
        source=str(path),
    )
    uid = value(card, "uid")
    key = f"vcf:{uid}" if uid else f"vcf:{home_of_contacts(path)}#{fingerprint(name)}"
    return Item.found(record, key, birthday_lines(card), mark=mark)
