"""Telephone numbers, of every country and however they are grouped."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import phonenumbers

from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_JOIN: Final = r"[ \u00a0\u2009\u202f.\u2010-\u2013/-]"
_GROUP: Final = r"(?:\d{1,14}|\(\+?\d{1,5}\)(?:\(\d{1,4}\))?)"
_WRITTEN: Final = re.compile(
    rf"(?<![\w+])(?<!\d[.,:])(?:\+\s?)?{_GROUP}(?:{_JOIN}{{0,3}}{_GROUP})*"
    r"(?P<extension>\s?(?:x|ext\.?|extension|#|poste|Durchwahl)\s?\d{1,6})?(?![\w]|[.,:]\d)",
    re.IGNORECASE,
)
_FEWEST, _MOST = 5, 15
"""Digits of a number: the shortest that a word announces; ITU-T E.164 allows fifteen."""
_FEWEST_ALONE: Final = 7
_REACH: Final = 48
_WORDS: Final = (
    r"\b(?:phones?|telephones?|tel|mobiles?|cell(?:phone|ular)?s?|call(?:s|ed|ing)?|ring|dial(?:led|ing)?|reach"
    r"|text(?:s|ed|ing)?|sms|fax"
    r"|whats-?app|signal|telegram|viber|messages?|hotline|helpline|landline|contact|voice-?mail|pager|beep|handy"
    r"|telefon\w*|t[ée]l[ée]phones?|portable"
    r"|tel[ée]fono|celular|m[óo]vil|telefone|telem[óo]vel|cellulare|gsm|mobil\w*|puhelin\w*|numer\w*|anruf\w*"
    r"|ruf\w*|appel\w*|llam\w*|chiam\w*"
    r"|телефон\w*|my (?:new |old |other |work |home )?(?:number|no|digits)|(?:his|her|their|your|our) (?:new "
    r"|work |home )?(?:number|digits)|ph|mob)\b"
)
_CALLED: Final = re.compile(_WORDS, re.IGNORECASE)
_JUST_CALLED: Final = re.compile(rf"(?:{_WORDS})\W{{0,4}}(?:(?:number|no|nr|is)\b\W*)*\Z", re.IGNORECASE)
_CALLED_AFTER: Final = re.compile(
    r"[^\w\n]{0,3}(?:\((?:home|work|mobile|cell|office|fax|private)|(?:is|was) (?:my|his|her|their|the|our|your) "
    r"(?:\w+ )?(?:phone|number|mobile|cell|fax)|(?:\w+ ){0,2}(?:call|rang|ring|text|phon))",
    re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"(?:\b(?:order|invoice|ticket|isbn|issn|doi|tracking|reference|ref|serial|flight|case|version|part|item|sku"
    r"|model|article|section|page|pages|pp|"
    r"population|chapter|rfc|iso|din|room|gate|patent|bug|issue|pr|build|commit|port|years?|id|score|won|total"
    r"|sum|lat|lon|latitude|longitude|pi|code)\b"
    r"|[#№$€£¥§=^*×÷<>])[\s.:#]*(?:(?:no|nr|number|is|of|was|id)\b[\s.:#]*)*\Z",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(
    r"\s?(?:[%€$£¥°²³×*^=<>]|(?:percent|people|users|dollars|euros?|usd|eur|gbp|km|kg|miles|meters|metres|bytes?"
    r"|[kmgt]b|ms|seconds|minutes|hours|days|years|items|rows|times|million|billion)\b)",
    re.IGNORECASE,
)
_BARE: Final = re.compile(r"0\d{8,11}|00\d{9,13}|[2-9]\d{9}|1[3-9]\d{9}|1[2-9]\d{9}")
"""Without any sign between its digits: with a trunk or international prefix, or ten or eleven digits as in North
America, India and China."""
_PROBABLE: Final = ("US", "IN", "CN", "GB", "DE", "FR", "IT", "AU", "JP", "BR", "MX", "KR", "NG", "PK", "RU")
_YEAR: Final = re.compile(r"1\d{3}|20\d\d")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[ .\u00a0\u2009\u202f]\d{3})+")


def find(page: Page) -> None:
    """Take telephone numbers; after all else that consists of digits."""
    for match in page.matches(_WRITTEN, page.near_digits(right=12)):
        start, end = match.start(), match.end()
        digits = re.sub(r"\D", "", page.rest[start : match.start("extension") if match["extension"] else end])
        if _FEWEST <= len(digits) <= _MOST + 2 and _is_number(page, match, digits):
            page.take(Kind.PHONE_NUMBER, start, end)


def _is_number(page: Page, match: re.Match[str], digits: str) -> bool:
    written = match[0].removesuffix(match["extension"] or "")
    before = page.before(match.start(), _REACH)
    if written.startswith(("+", "(+")):
        return len(digits) >= _FEWEST_ALONE
    just_announced = _JUST_CALLED.search(before) is not None
    if not just_announced and (_OTHER.search(before) or _COUNTED.match(page.after(match.end(), 12))):
        return False
    announced = (
        just_announced or _CALLED.search(before.rpartition("\n")[2]) or _CALLED_AFTER.match(page.after(match.end(), 24))
    )
    groups = re.findall(r"\d+", written)
    if announced:
        return not _is_range(written, groups) and not (len(groups) == 2 and "." in written)
    if len(digits) < _FEWEST_ALONE:
        return False
    return _is_bare_number(digits) if len(groups) == 1 else _is_grouped_number(written, groups)


def _is_bare_number(digits: str) -> bool:
    if not _BARE.fullmatch(digits):
        return False
    return digits.startswith("0") or any(_is_valid(digits, region) for region in _PROBABLE)


def _is_valid(digits: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def _is_grouped_number(written: str, groups: list[str]) -> bool:
    """Whether digits are grouped as people group a telephone number, and nothing else."""
    if "(" in written:
        return written.startswith(("(", "0", "1", "8"))
    joins = re.findall(r"\D+", written)
    if any(len(join) > 1 for join in joins) or _is_range(written, groups):
        return False
    if any(len(group) == 1 for group in groups[1:]) and not groups[0].startswith("0"):
        return False
    if "/" in joins and not groups[0].startswith("0"):
        return False
    if "." in joins and (len(groups) == 2 or set(joins) != {"."} or _THOUSANDS.fullmatch(written)):
        return False
    if _THOUSANDS.fullmatch(written) and (written.endswith("000") or groups[0] == "1"):
        return False
    return not _is_book(groups) and not _is_list(groups)


def _is_book(groups: list[str]) -> bool:
    """Whether it is the number of a book: 13 digits that begin with 978 or 979."""
    return groups[0] in ("978", "979") and sum(map(len, groups)) == 13


def _is_range(written: str, groups: list[str]) -> bool:
    """ "1990-2000", "10 000 - 20 000", "1000-2000" """
    if re.search(r"\s[-\u2010-\u2013]\s", written) and not re.search(r"[()]", written) and len(groups) == 2:
        return True
    if len(groups) != 2 or len(groups[0]) != len(groups[1]):
        return False
    return all(map(_YEAR.fullmatch, groups)) or (groups[0] < groups[1] and all(group.endswith("0") for group in groups))


def _is_list(groups: list[str]) -> bool:
    """ "10 20 30 40" """
    values = [int(group) for group in groups]
    return (
        not groups[0].startswith("0")
        and len(values) > 3
        and all(one < two for one, two in pairwise(values))
        and len(set(map(len, groups))) == 1
    )
