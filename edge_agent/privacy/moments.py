"""Dates and times as they are usually written, and ages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from edge_agent.privacy.page import Page, Span
from orchestrator.privacy.finding import Kind

_LONG_MONTHS: Final = """
January February March April June July August September October November December
Januar Jänner Februar März Mai Juni Juli Oktober Dezember
janvier février mars avril juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
janeiro fevereiro março maio junho julho setembro outubro dezembro
januari februari maart mei augustus oktober december stycznia lutego marca kwietnia maja czerwca lipca sierpnia
września października listopada grudnia
"""
_MONTH: Final = (
    "|".join(sorted({*_LONG_MONTHS.split(), "May"}, key=len, reverse=True))
    + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Okt|Nov|Dec|Dez)\b\.?"
)
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\.?"
_YEAR: Final = r"(?:1[5-9]|20)\d\d"
_CLOCK: Final = (
    r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?(?:\s?[ap]\.?m\b\.?|\s?(?:Z\b|UTC|GMT"
    r"|[+-]\d\d:?\d\d\b))?"
)
_MONTHS_NUMBER: Final = r"(?:0?[1-9]|1[0-2])"
_DAYS_NUMBER: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_NUMBERED: Final = (
    rf"{_YEAR}([-/.])(?:0[1-9]|1[0-2])\1{_DAYS_NUMBER}"
    rf"|{_DAYS_NUMBER}([-/.])\s?{_MONTHS_NUMBER}\2\s?(?:{_YEAR}|\d\d)"
    rf"|{_MONTHS_NUMBER}([-/])(?:{_DAYS_NUMBER})\3(?:{_YEAR}|\d\d)"
)
_WITH_DIGITS: Final = re.compile(
    rf"(?<![\w./:-])(?:(?:{_NUMBERED})(?:(?:T|,?\s){_CLOCK})?|{_CLOCK})(?!\w|[-/.:]\d)", re.IGNORECASE
)
_HOUR: Final = re.compile(
    r"(?<![\w.,:])(?:[01]?\d|2[0-3])(?:\s?[ap]\.?m\b\.?|\s?o['’]clock|\s?h(?:\s?[0-5]\d)?\b|\sUhr\b)", re.IGNORECASE
)
_BEFORE_NUMBER: Final = r"(?=[^\W\d_]+\.?,?\s+(?:de\s+)?\d)"
"""Looked for before sixty months are: few words have a number behind them."""
_WORDED: Final = re.compile(
    rf"(?<!\w)(?:(?=\d){_DAY}\s+(?:of\s+|de\s+)?(?:{_MONTH})(?:,?\s+(?:de\s+)?{_YEAR})?"
    rf"|{_BEFORE_NUMBER}(?:(?:{_MONTH})\s+{_DAY}(?!\w|:\d)(?:,?\s+{_YEAR})?|(?:{_MONTH}),?\s+(?:de\s+)?{_YEAR}))(?!\w)",
    re.IGNORECASE,
)
_SHORT_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "okt",
    "nov",
    "dec",
    "dez",
)
_MONTHS: Final = frozenset(_LONG_MONTHS.lower().split()) | frozenset(_SHORT_MONTHS)
_LONE_MONTH: Final = re.compile(
    r"\b(?:January|February|April|June|July|September|October|November|December)\b"
    r"|(?<=\b[Ii]n )(?:March|May|August)\b|(?<=\b(?:last|next|this) )(?:March|May|August)\b".replace(
        r"(?<=\b(?:last|next|this) )", r"(?:(?<=\blast )|(?<=\bnext )|(?<=\bthis ))"
    )
)
_WEEKDAYS = """
monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays
montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi
dimanche lunes miércoles jueves viernes domingo lunedì martedì mercoledì giovedì venerdì
"""
_DAYS: Final = frozenset(_WEEKDAYS.split())
_WEEKDAY: Final = re.compile(rf"\b(?:{'|'.join(_WEEKDAYS.split())})\b", re.IGNORECASE)
_LONE_YEAR: Final = re.compile(
    rf"\b(?:in|since|of|from|until|till|by|before|after|during|around|circa|year|born|early|mid|late|to|through"
    rf"|and|between"
    rf"|seit|im|Jahr|en|desde|depuis|dal|nel|class of|spring|summer|autumn|fall|winter)[ -](?:the )?"
    rf"(?P<year>{_YEAR}s?(?:\s?[-–/]\s?(?:{_YEAR}|\d\d))?)(?![\w%:]|[.,-]\d)",
    re.IGNORECASE,
)
_ANY_YEAR: Final = re.compile(_YEAR)
_BRACKETED_YEAR: Final = re.compile(rf"(?<=\()(?:{_YEAR}(?:\s?[-–]\s?{_YEAR})?)(?=\))")

_NUMBER: Final = r"(?:1[01]\d|\d{1,2}(?:\.\d)?)"
_WORD_NUMBER: Final = (
    r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|four|five|six|seven|eight"
    r"|nine))?"
    r"|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
)
_OLD: Final = re.compile(
    rf"(?<![\w.,$€£-])(?=[\dtfsen])(?P<age>{_NUMBER}|{_WORD_NUMBER})[- ]?"
    rf"(?:(?:years?|months?|weeks?|yrs?)[- ]old|y[./]?o\b"
    rf"|year[- ]?olds?|Jahre alt|-jährig"
    rf"|ans\b(?! )|años\b|anni\b|anos de idade)",
    re.IGNORECASE,
)
_AGED: Final = re.compile(
    rf"\b(?=[atishwb])(?:aged?(?: of| is|:| =)?|ages|turn(?:s|ed|ing)?|turns|I['’]?m|I am"
    rf"|(?:s?he|who)(?:['’]s| is| was)|born aged|Alter:?)\s+(?:only |just |about |now |already )?"
    rf"(?P<age>{_NUMBER}|{_WORD_NUMBER})(?!\w|[-:/'’]|[.,]\d|%|\s?(?:%|percent|per cent|minutes?|mins?|hours?"
    rf"|hrs?|days?|weeks?|months?|km|kg|cm|m\b"
    rf"|miles?|pounds?|lbs?|degrees?|points?|times|of|feet|foot|inch|euros?|dollars?|th\b|st\b|nd\b|rd\b|am\b"
    rf"|pm\b|people|pages?|blocks?|steps))",
    re.IGNORECASE,
)
_BIRTHDAYS: Final = frozenset({"birthday", "birthdays"})
_BIRTHDAY: Final = re.compile(rf"\b(?P<age>{_NUMBER})(?:st|nd|rd|th)\s+birthday", re.IGNORECASE)
_COUNTS: Final = frozenset(
    (
        *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
    )
)


def find_dates(page: Page) -> None:
    """Take dates and times; before numbers are read, since many look like telephone numbers."""
    _take(page, Kind.DATE_TIME, _WITH_DIGITS, page.near_digits(right=12))
    if page.has(_MONTHS):
        _take(page, Kind.DATE_TIME, _WORDED, page.near(_MONTHS, 40, 40))
    _take(page, Kind.DATE_TIME, _HOUR, page.near_digits(right=12))
    _take(page, Kind.DATE_TIME, _LONE_YEAR, page.around(_ANY_YEAR, 30, 24))
    _take(page, Kind.DATE_TIME, _BRACKETED_YEAR, page.around(_ANY_YEAR, 1, 1))
    _take(page, Kind.DATE_TIME, _LONE_MONTH, page.near(_MONTHS, 5, 12))
    _take(page, Kind.DATE_TIME, _WEEKDAY, page.near(_DAYS, 0, 12))


def find_ages(page: Page) -> None:
    """Take how old somebody is: the number alone."""
    for pattern in (_OLD, _AGED):
        _take(page, Kind.AGE, pattern, page.near_digits(30, 24))
        _take(page, Kind.AGE, pattern, page.near(_COUNTS, 30, 24))
    _take(page, Kind.AGE, _BIRTHDAY, page.near(_BIRTHDAYS, 12, 12))


def _take(page: Page, kind: Kind, pattern: re.Pattern[str], spans: Sequence[Span]) -> None:
    group = next(iter(pattern.groupindex), 0)
    for match in page.matches(pattern, spans):
        page.take(kind, match.start(group), match.end(group))
