"""Surrogates for dates: all shifted by one secret number of days, so that the time between them stays."""

from __future__ import annotations

import re
from datetime import date, timedelta
from random import Random
from typing import Final

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH: Final = "|".join(f"{month[:3]}(?:{month[3:]})?" if month != "May" else month for month in _MONTHS)
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHED: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_DAY_FIRST: Final = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?( of)? ({_MONTH})(,? \d{{4}})?", re.IGNORECASE)
_MONTH_FIRST: Final = re.compile(rf"({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(,? \d{{4}})?", re.IGNORECASE)
_ANY_YEAR: Final = 2001
"""For a day without a year: not a leap year."""


class Shift:
    """One shift for a request."""

    def __init__(self, random: Random) -> None:
        """Draw it: from a month to a year and a half, back or forth, never by whole weeks."""
        days = random.randrange(30, 540)
        self._days = timedelta(days=(days + (days % 7 == 0)) * random.choice((-1, 1)))

    def shifted(self, original: str) -> str | None:
        """The same form for another day; None for a form that is not known (a time, a weekday, "next week")."""
        try:
            return self._read(original)
        except (ValueError, OverflowError):
            return None

    def _read(self, original: str) -> str | None:
        if found := _ISO.fullmatch(original):
            return self._moved(*map(int, found.groups())).isoformat()
        if found := _DOTTED.fullmatch(original):
            day = self._moved(int(found[3]), int(found[2]), int(found[1]))
            return f"{_like(day.day, found[1])}.{_like(day.month, found[2])}.{day.year}"
        if found := _SLASHED.fullmatch(original):
            # Of the two orders, the one in which this is a date, the month first where both are.
            month_first = int(found[1]) <= len(_MONTHS)
            month, first = (found[1], found[2]) if month_first else (found[2], found[1])
            day = self._moved(int(found[3]), int(month), int(first))
            numbers = (day.month, day.day) if month_first else (day.day, day.month)
            return f"{_like(numbers[0], found[1])}/{_like(numbers[1], found[2])}/{day.year}"
        if found := _DAY_FIRST.fullmatch(original):
            day = self._written(found[1], found[3], found[4])
            return f"{day.day}{found[2] or ''} {_month(day, found[3])}{_year(day, found[4])}"
        if found := _MONTH_FIRST.fullmatch(original):
            day = self._written(found[2], found[1], found[3])
            return f"{_month(day, found[1])} {day.day}{_year(day, found[3])}"
        return None

    def _moved(self, year: int, month: int, day: int) -> date:
        return date(year, month, day) + self._days

    def _written(self, day: str, month: str, year: str | None) -> date:
        number = next(n for n, name in enumerate(_MONTHS, 1) if name[:3].lower() == month[:3].lower())
        return self._moved(int(year[-4:]) if year else _ANY_YEAR, number, int(day))


def _like(number: int, written: str) -> str:
    """Two digits where the original has a zero in front."""
    return f"{number:02d}" if written.startswith("0") else str(number)


def _month(day: date, written: str) -> str:
    """Short where the original is short."""
    name = _MONTHS[day.month - 1]
    return name[:3] if len(written) == len("Jan") and written.lower() != "may" else name


def _year(day: date, written: str | None) -> str:
    return written[:-4] + str(day.year) if written else ""
