"""What a vCard says of a person, each line with the word that a question would use."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from vobject.vcard import Address  # type: ignore[import-untyped]

_NUMBERS: Final = (("tel", "phone number"), ("email", "email"), ("adr", "address"))
_KINDS: Final = {"cell": "mobile", "home": "home", "work": "work", "fax": "fax"}
"""TYPEs that tell a person's numbers apart, the more telling first."""
_LABEL: Final = re.compile(r"^_\$!<(.+)>!\$_$")
"""Apple's way to write a label of its own: _$!<Mother>!$_."""
_DAY: Final = re.compile(r"^(?:(?P<year>\d{4})-?|--)(?P<month>\d{2})-?(?P<day>\d{2})(?:T|\Z)")
"""19850602, 1985-06-02, --0602, --06-02, each maybe with a time."""
_NO_YEAR: Final = 1604
"""Apple's year for birthdays without one."""
_EVERYONE: Final = frozenset({"mycontacts", "starred"})
"""Google's groups that say nothing."""


@dataclass(frozen=True, slots=True)
class _Day:
    month: int
    day: int
    year: int | None

    def __str__(self) -> str:
        """ "2 June 1985"."""
        return f"{self.day} {calendar.month_name[self.month]}{f' {self.year}' if self.year else ''}"


def lines(card: Any, names: Mapping[str, str]) -> Iterator[str]:
    """What is known of a person.

    Args:
        card: as vobject reads it.
        names: the UIDs of the file's other cards, and whose they are.
    """
    for name, words in (("title", "{}."), ("role", "{}."), ("org", "Works at {}."), ("nickname", "Also called {}.")):
        yield from (words.format(text.rstrip(".")) for text in values(card, name))
    for name, noun in _NUMBERS:
        yield from _numbers(card, name, noun)
    yield from (f"Birthday: {_told(text)}." for text in values(card, "bday"))
    yield from (f"Anniversary: {_told(text)}." for text in values(card, "anniversary"))
    yield from (f"{_label(card, entry) or 'Date'}: {_told(_line(entry.value))}." for entry in _all(card, "x-abdate"))
    yield from _related(card, names)
    yield from (f"Website: {text}" for text in values(card, "url"))
    groups = [group for text in values(card, "categories") for group in text.split(", ")]
    if told := [group for group in groups if group.replace(" ", "").lower() not in _EVERYONE]:
        yield f"Groups: {', '.join(told)}."
    yield from values(card, "note")


def birthday_lines(card: Any) -> str:
    """The birthday, as `occurrences` reads what comes again each year; empty where its day is not known.

    Who was born on 29 February has it on the last of that month.
    """
    day = next((day for text in values(card, "bday") if (day := _day(text))), None)
    if day is None:
        return ""
    leap = ";BYMONTH=2;BYMONTHDAY=-1" if (day.month, day.day) == (2, 29) else ""
    return f"DTSTART:{day.year or _NO_YEAR}{day.month:02}{day.day:02}T000000\nRRULE:FREQ=YEARLY{leap}"


def values(card: Any, name: str) -> list[str]:
    """Every value of a property as one line of text."""
    found = (_line(entry.value) for entry in _all(card, name))
    return [text for text in found if text]


def value(card: Any, name: str) -> str:
    """The first value of a property, or an empty string."""
    return next(iter(values(card, name)), "")


def _numbers(card: Any, name: str, noun: str) -> Iterator[str]:
    """Numbers and addresses; where there are several, each says which it is."""
    entries = [entry for entry in _all(card, name) if _line(entry.value)]
    for entry in entries:
        which = (_label(card, entry) or _kind(entry)) if len(entries) > 1 else ""
        words = f"{which} {noun}" if which else noun
        yield f"{words[0].upper()}{words[1:]}: {_line(entry.value)}."


def _related(card: Any, names: Mapping[str, str]) -> Iterator[str]:
    """ "Mother: Hilde." A card that is not in this file has no name to tell."""
    for entry in _all(card, "related") + _all(card, "x-abrelatednames") + _all(card, "member"):
        text = _line(entry.value)
        person = names.get(text) or names.get(text.removeprefix("urn:uuid:")) or text
        if person and not person.startswith(("urn:", "http")):
            told = _label(card, entry) or next(iter(_types(entry)), "")
            told = "member" if entry.name.lower() == "member" else told or "related to"
            yield f"{told[0].upper()}{told[1:]}: {person}."


def _label(card: Any, entry: Any) -> str:
    """What Apple's address book calls an entry, beside it in its group."""
    of_group = (label for label in _all(card, "x-ablabel") if entry.group and label.group == entry.group)
    text = next((_line(label.value) for label in of_group), "")
    plain = _LABEL.match(text)
    return plain[1] if plain else text


def _kind(entry: Any) -> str:
    types = _types(entry)
    return next((word for name, word in _KINDS.items() if name in types), "")


def _types(entry: Any) -> list[str]:
    """TYPE in small letters, of each of the ways in which it is written."""
    given = [part for text in entry.params.get("TYPE", []) for part in str(text).lower().split(",")]
    return [part.strip() for part in given if part.strip() not in ("", "pref", "voice", "internet")]


def _all(card: Any, name: str) -> list[Any]:
    return list(card.contents.get(name, []))


def _line(content: Any) -> str:
    if isinstance(content, Address):
        town = f"{content.code} {content.city}".strip()
        parts = [content.box, content.extended, content.street, town, content.region, content.country]
    else:
        parts = content if isinstance(content, list) else [content]
    text = ", ".join(" ".join(str(part).split()) for part in parts if part)
    return text.removeprefix("tel:").removeprefix("mailto:")


def _told(text: str) -> str:
    """A day in words; what is no day of the calendar stays as it is."""
    return str(_day(text) or text)


def _day(text: str) -> _Day | None:
    found = _DAY.match(text)
    if found is None:
        return None
    month, day, year = int(found["month"]), int(found["day"]), int(found["year"] or _NO_YEAR)
    try:
        date(year, month, day)
    except ValueError:
        return None
    return _Day(month, day, None if year == _NO_YEAR else year)
