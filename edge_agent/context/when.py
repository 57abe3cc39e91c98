"""Dates in a question: "tomorrow", "on Friday", "next week", "in three weeks", "in December", "on 24 November"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHIFTS = {"day before yesterday": -2, "yesterday": -1, "last night": -1, "tomorrow": 1, "day after tomorrow": 2}
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_DAY = timedelta(days=1)
_MONTH_NAME = "(?P<month>" + "|".join(MONTHS) + ")"
_DAY_NUMBER = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(_NUMBERS)})"
_UNIT = "(?P<unit>day|week|month|year)s?"
_YEAR = r"(?:,?\s+(?P<year>\d{4}))?"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that a question names: from `start` up to, not including, `end`."""

    start: datetime
    end: datetime
    phrase: str
    """The words of the question that name it, in lower case."""

    @property
    def bounds(self) -> tuple[int, int]:
        """`start` and `end` in Unix seconds."""
        return int(self.start.timestamp()), int(self.end.timestamp())


def window(question: str, now: datetime) -> Window | None:
    """The first stretch of time that `question` names, read in the zone of `now`; None where it names none.

    Weekdays and months without more are the coming ones, today's included; "next Friday" is the one of the coming week,
    Monday to Sunday. "In three weeks" is the whole of the week that is three ahead, and "Tuesday in three weeks" that
    week's. A day and month without a year is the nearest such day.
    """
    text = question.lower()
    for pattern, days in _READINGS:
        match = pattern.search(text)
        span = _span(days, match, now.date()) if match else None
        if match and span:
            first, end = (datetime.combine(day, time(), tzinfo=now.tzinfo) for day in span)
            return Window(first, end, match.group())
    return None


Span = tuple[date, date]
"""The first day, and the day after the last."""
Reading = Callable[[re.Match[str], date], Span | None]


def _span(days: Reading, match: re.Match[str], today: date) -> Span | None:
    """What `days` makes of a match; None where it is no day of the calendar, or of another age."""
    try:
        span = days(match, today)
    except (ValueError, OverflowError):
        return None
    return span if span and _FIRST_YEAR <= span[0].year <= _LAST_YEAR else None


def _single(day: date) -> Span:
    return day, day + _DAY


def _iso(match: re.Match[str], today: date) -> Span:
    return _single(date.fromisoformat(match.group()))


def _day_of_month(match: re.Match[str], today: date) -> Span | None:
    month, day = MONTHS.index(match["month"]) + 1, int(match["day"])
    years = [int(match["year"])] if match["year"] else [today.year - 1, today.year, today.year + 1]
    days = [found for year in years if (found := _valid_date(year, month, day))]
    return _single(min(days, key=lambda found: abs(found - today))) if days else None


def _day_of_this_month(match: re.Match[str], today: date) -> Span | None:
    """ "the 27th": the next such day, today's included."""
    months = (_month_span(today.year, today.month + ahead)[0] for ahead in (0, 1))
    days = (_valid_date(month.year, month.month, int(match["day"])) for month in months)
    return next((_single(day) for day in days if day and day >= today), None)


def _valid_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _relative_day(match: re.Match[str], today: date) -> Span:
    return _single(today + _SHIFTS.get(match.group(), 0) * _DAY)


def _weekday(match: re.Match[str], today: date) -> Span:
    wanted = WEEKDAYS.index(match["weekday"])
    monday = today - today.weekday() * _DAY
    if match["which"] == "next":
        return _single(monday + (7 + wanted) * _DAY)
    ahead = (wanted - today.weekday()) % 7
    if match["which"] == "last":
        return _single(today + (ahead - 7) * _DAY)
    return _single(today + ahead * _DAY)


def _ahead(match: re.Match[str], today: date) -> Span:
    count, weekday = _count(match), match["weekday"]
    if weekday and match["unit"] == "week":
        monday = today + (7 * count - today.weekday()) * _DAY
        return _single(monday + WEEKDAYS.index(weekday) * _DAY)
    return _shifted(today, match["unit"], count)


def _ago(match: re.Match[str], today: date) -> Span:
    return _shifted(today, match["unit"], -_count(match))


def _count(match: re.Match[str]) -> int:
    text = match["count"] or "one"  # a week ago
    return int(text) if text.isdigit() else _NUMBERS.index(text) + 1


def _shifted(today: date, unit: str, count: int) -> Span:
    """The day, week, month or year that is `count` of its kind from today's."""
    if unit == "day":
        return _single(today + count * _DAY)
    if unit == "week":
        monday = today + (7 * count - today.weekday()) * _DAY
        return monday, monday + 7 * _DAY
    if unit == "month":
        return _month_span(today.year, today.month + count)
    return date(today.year + count, 1, 1), date(today.year + count + 1, 1, 1)


def _week(match: re.Match[str], today: date) -> Span:
    shift = {"next": 7, "last": -7}.get(match["which"], 0)
    monday = today + (shift - today.weekday()) * _DAY
    if match["unit"] == "weekend":
        return monday + 5 * _DAY, monday + 7 * _DAY
    return monday, monday + 7 * _DAY


def _this_month(match: re.Match[str], today: date) -> Span:
    return _month_span(today.year, today.month + {"next": 1, "last": -1}.get(match["which"], 0))


def _named_month(match: re.Match[str], today: date) -> Span:
    month = MONTHS.index(match["month"]) + 1
    year = int(match["year"]) if match["year"] else today.year + (month < today.month)
    return _month_span(year, month)


def _month_span(year: int, month: int) -> Span:
    """`month` may run over its year on either side."""
    first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    return first, (first + 31 * _DAY).replace(day=1)


# In this order: what says more comes first. "may" and "march" are words too, so a bare month needs its "in".
_READINGS: tuple[tuple[re.Pattern[str], Reading], ...] = (
    (re.compile(r"\b\d{4}-\d{2}-\d{2}\b"), _iso),
    (re.compile(rf"\b(?:the )?{_DAY_NUMBER}\s+(?:of )?{_MONTH_NAME}\b{_YEAR}"), _day_of_month),
    (re.compile(rf"\b{_MONTH_NAME}\s+(?:the )?{_DAY_NUMBER}\b{_YEAR}"), _day_of_month),
    (re.compile(r"\bon the (?P<day>\d{1,2})(?:st|nd|rd|th)\b"), _day_of_this_month),
    (re.compile(r"\bday (?:after tomorrow|before yesterday)\b"), _relative_day),
    (re.compile(r"\b(?:today|tonight|tomorrow|yesterday|last night)\b"), _relative_day),
    # "A week" is left out ahead: there are seven days in it.
    (re.compile(rf"\b(?:(?:on )?(?P<weekday>{'|'.join(WEEKDAYS)}) )?in {_COUNT} {_UNIT}\b"), _ahead),
    (re.compile(rf"\b(?:{_COUNT}|an?) {_UNIT} ago\b"), _ago),
    (re.compile(rf"\b(?:(?P<which>next|last|this|on|coming) )?(?P<weekday>{'|'.join(WEEKDAYS)})\b"), _weekday),
    (re.compile(r"\b(?P<which>next|last|this|the|coming) (?P<unit>weekend|week)\b"), _week),
    (re.compile(r"\b(?P<which>next|last|this) month\b"), _this_month),
    (re.compile(rf"\b(?:in|this|next|last) {_MONTH_NAME}\b{_YEAR}"), _named_month),
)
