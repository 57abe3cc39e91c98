"""Dates of chat exports, whose order of day, month and year depends on the phone's language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

STAMP: Final = (
    r"(?P<date>\d{1,4}[./-][ ]?\d{1,2}[./-][ ]?\d{2,4}\.?),?[ ](?:(?:at|um|kl\.?|klo|à|alle)[ ])?"
    r"(?P<time>\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[ ]?[AaPp]\.?[ ]?[Mm]\.?)?)"
)
"""A pattern of all the ways: 24.11.26, 09:30 and [2026-11-24, 9:30:15 PM] and 11/24/26 at 9:30 PM."""
_STAMP = re.compile(STAMP)
_ORDERS: Final = ("day", "month", "year")
"""Which number stands first. Most of the world writes the day; the others must be borne out."""

_Numbers = tuple[int, int, int]


class Dates:
    """How the dates of one export are to be read.

    An order must fit every date. Of several that fit, the one wins under which the fewest messages stand before an
    earlier one, since an export is in the order of time; of equals, "month" where it writes AM and PM and slashes.
    """

    def __init__(self, stamps: Sequence[str]) -> None:
        """Find the order that fits `stamps`, in the order of the file."""
        numbers = [found for stamp in stamps if (found := _numbers(stamp)) is not None]
        usual = "month" if any("/" in stamp and "m" in stamp.lower() for stamp in stamps) else "day"
        self._order = min(_ORDERS, key=lambda order: (*_faults(numbers, order), order != usual))

    def moment(self, stamp: str) -> datetime | None:
        """The moment in this device's zone, which exports leave out; None where it is none."""
        found = _STAMP.search(stamp)
        numbers = _numbers(stamp)
        if found is None or numbers is None:
            return None
        clock = found["time"].lower()
        hour, minute, second = (int(part) for part in (*re.findall(r"\d+", clock), 0)[:3])
        if "m" in clock:
            hour = hour % 12 + (12 if "p" in clock else 0)
        try:
            return datetime(*_arranged(numbers, self._order), hour, minute, second).astimezone()
        except (ValueError, OverflowError, OSError):
            return None


def _numbers(stamp: str) -> _Numbers | None:
    found = _STAMP.search(stamp)
    if found is None:
        return None
    first, second, third = (int(part) for part in re.findall(r"\d+", found["date"]))
    return first, second, third


def _arranged(numbers: _Numbers, order: str) -> _Numbers:
    """Year, month, day; years of two digits are of this century."""
    first, second, third = numbers
    year, month, day = {"day": (third, second, first), "month": (third, first, second)}.get(order, numbers)
    return year + 2000 if year < 100 else year, month, day


def _faults(numbers: Sequence[_Numbers], order: str) -> tuple[int, int]:
    """Dates that cannot be, and dates before the one that precedes them."""
    days = [_arranged(each, order) for each in numbers]
    impossible = sum(not (1990 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31) for year, month, day in days)
    return impossible, sum(later < earlier for earlier, later in pairwise(days))
