"""Numbers by which states know people: social security, national identities, passports, driver licences.

Each country's check digits are those of python-stdnum. A number that could as well be any other number is taken only
where a word near it says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from edge_agent.privacy.page import Page
from orchestrator.privacy.finding import Kind

_REACH: Final = 48
"""How many characters before a number a word may stand that says what it is."""

_SSN: Final = re.compile(
    r"(?<![\w-])(?!000|666)\d{3}(?P<join>[-\u2010-\u2013 ])(?!00)\d{2}(?P=join)(?!0000)\d{4}(?![\w]|-\d)"
)
_BARE_SSN: Final = re.compile(r"(?<![\w-])\d{9}(?![\w]|-\d)|(?<![\w-])\d{3}[-. ]?\d{2}[-. ]?\d{4}(?![\w]|-\d)")
_OF_SSN: Final = re.compile(
    r"\bssn\b|social[ -]?security|\bitin\b|taxpayer|\bsocial\b(?: number)?(?: is|:)", re.IGNORECASE
)

_OF_LICENSE: Final = re.compile(
    r"(?:driv(?:er|ers|er['’]s|ing)[ -]?)(?:licen[cs]e|permit|lic\b)|\bdlno?\b|\bDL[ #]|\blicen[cs]e (?:no|number"
    r"|num|nr|id|#)|\blic(?:\.|ense)? ?(?:no|#)"
    r"|f[üu]hrerschein|permis de conduire|carnet de conducir|patente di guida|rijbewijs",
    re.IGNORECASE,
)
_LICENSE: Final = re.compile(
    r"(?<![\w-])(?P<value>(?:[A-Za-z]{1,3}-?|[A-Z]{1,2} )?\d(?:[ -]?[A-Za-z]{0,3}[0-9*]){3,20}(?:[A-Za-z]{1,2})?"
    r"|[A-Za-z]{1,12}\d[A-Za-z0-9*-]{2,18}|[A-Za-z]\d[A-Za-z]\d[A-Za-z])(?![\w-])"
)
_LETTERS_LICENSE: Final = re.compile(
    r"(?<![\w-])(?P<value>[A-Z]{8,12}|(?=\w?[a-z]+[A-Z]|[A-Z]{2,}[a-z])[A-Za-z]{8,12})(?![\w-])"
)
_OF_ANOTHER: Final = re.compile(
    r"card|phone|\bcall|\bssn\b|iban|account|\bzip|mail|birth|passport|\bIP\b", re.IGNORECASE
)
_OF_SSN_WORDS: Final = frozenset(("ssn", "social", "itin", "taxpayer"))
_LICENSES: Final = frozenset(
    (
        *("license", "licence", "licenses", "licences", "dl", "dlno", "lic", "permit", "führerschein", "fuhrerschein"),
        *("permis", "carnet", "patente", "rijbewijs"),
    )
)
_PASSPORTS: Final = frozenset(("passport", "reisepass", "passeport", "pasaporte", "passaporto", "paspoort"))
_OF_PASSPORT: Final = re.compile(r"passport|reisepass|passeport|pasaporte|passaporto|paspoort", re.IGNORECASE)
_PASSPORT: Final = re.compile(r"(?<![\w-])(?=[A-Z0-9]*\d)[A-Z0-9]{6,10}(?![\w-])", re.IGNORECASE)
_OF_ID: Final = re.compile(
    r"\b(?:national|personal|identity|identification|citizen|tax(?:payer)?|fiscal|insurance|health|medicare|nhs"
    r"|resident)\b[^.\n]{0,20}\b(?:id|number|no|nr|code|card)\b"
    r"|\b(?:id|identity)[ -]?(?:card|number|no|nr|code)?\b|\bssn\b|social (?:security|insurance)|ausweis|steuer[- "
    r"]?id|sozialversicherung"
    r"|n[úu]mero de (?:identidad|contribuinte)|num[ée]ro de s[ée]curit[ée]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Number:
    """A country's number: how it is written, and what checks it."""

    module: str
    """Of python-stdnum; empty where the number has no check digit."""
    written: str
    named: str = ""
    """A word before it that says what it is. Where there is none, the number is unmistakable by itself."""


_DIGITS: Final = r"\d(?:[ .-]?\d){%d}"
_NUMBERS: Final = (
    _Number("it.codicefiscale", r"[A-Za-z]{6}\d\d[A-Za-z]\d\d[A-Za-z]\d{3}[A-Za-z]"),
    _Number("es.dni", r"\d{8}[- ]?[A-Za-z]"),
    _Number("es.nie", r"[XYZxyz][- ]?\d{7}[- ]?[A-Za-z]"),
    _Number("fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Ya-y]"),
    _Number("ie.pps", r"\d{7}[A-Wa-w][ABWTXabwtx]?"),
    _Number("in_.pan", r"[A-Za-z]{3}[ABCFGHLJPTabcfghljpt][A-Za-z]\d{4}[A-Za-z]"),
    _Number("mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"),
    _Number("", r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"),
    _Number("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    _Number("br.cpf", r"\d{11}", "cpf"),
    _Number("ch.ssn", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d"),
    _Number("se.personnummer", r"(?:19|20)?\d{6}[-+]\d{4}"),
    _Number("se.personnummer", r"(?:19|20)?\d{10}", "personnummer|person(?:al)? n"),
    _Number("dk.cpr", r"\d{6}-\d{4}"),
    _Number("dk.cpr", r"\d{10}", "cpr"),
    _Number("is_.kennitala", r"\d{6}-\d{4}"),
    _Number("no.fodselsnummer", r"\d{6} ?\d{5}"),
    _Number("pl.pesel", r"\d{11}"),
    _Number("cn.ric", r"\d{17}[\dXx]"),
    _Number("fr.nir", r"[12][ .]?\d\d[ .]?\d\d[ .]?(?:\d\d|2[AB])[ .]?\d{3}[ .]?\d{3}[ .]?\d\d"),
    _Number("be.nn", r"\d\d\.?\d\d\.?\d\d[- ]?\d{3}[. ]?\d\d"),
    _Number("cz.rc", r"\d{6}/\d{3,4}"),
    _Number("cz.rc", r"\d{9,10}", "rodn"),
    _Number("ro.cnp", r"[1-9]\d{12}"),
    _Number("lt.asmens", r"[1-6]\d{10}"),
    _Number("ee.ik", r"[1-6]\d{10}"),
    _Number("lv.pvn", r"\d{6}-\d{5}"),
    _Number("kr.rrn", r"\d{6}-[1-8]\d{6}"),
    _Number("my.nric", r"\d{6}-\d{2}-\d{4}"),
    _Number("cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]"),
    _Number("cl.rut", r"\d{7,8}-?[\dkK]", r"\brut\b"),
    _Number("za.idnr", r"\d{6} ?\d{4} ?\d ?\d ?\d"),
    _Number("th.pin", r"\d-\d{4}-\d{5}-\d\d-\d"),
    _Number("th.pin", r"\d{13}", "thai|id"),
    _Number("gr.amka", r"\d{11}", "amka|αμκα|αμκα"),
    _Number("tr.tckimlik", r"[1-9]\d{10}", r"kimlik|t\.?c\.?"),
    _Number("bg.egn", r"\d{10}", "egn|егн"),
    _Number("nl.bsn", _DIGITS % 8, "bsn|burgerservice|sofi"),
    _Number("de.idnr", _DIGITS % 10, "steuer|tax|idnr"),
    _Number("at.vnr", r"\d{4} ?\d{6}", "versicherung|svnr|insurance"),
    _Number("pt.nif", _DIGITS % 8, r"\bnif\b|contribuinte"),
    _Number("pt.cc", r"\d{8} ?\d ?[A-Z0-9]{2}\d", "cart[ãa]o|cidad|citizen"),
    _Number("gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", r"\bnhs\b|health"),
    _Number("gb.utr", r"\d{10}", r"\butr\b|tax"),
    _Number("in_.aadhaar", r"\d{4}[ -]?\d{4}[ -]?\d{4}", "aadha+r|uid"),
    _Number("ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", r"\bsin\b|social insurance"),
    _Number("au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", r"\btfn\b|tax"),
    _Number("nz.ird", r"\d{2,3}[ -]?\d{3}[ -]?\d{3}", r"\bird\b|tax"),
    _Number("il.idnr", r"\d{9}", "teudat|israel|ת"),
    _Number("hr.oib", r"\d{11}", "oib"),
    _Number("rs.pib", r"\d{9}", "pib"),
    _Number("si.emso", r"\d{13}", "emso|emšo|jmbg"),
    _Number("ua.rntrc", r"\d{10}", "tax|rntrc|ІПН|рнокпп"),
    _Number("ru.inn", r"\d{12}", r"\binn\b|инн"),
    _Number("ar.dni", r"\d{2}\.?\d{3}\.?\d{3}", r"\bdni\b"),
    _Number("ar.cuit", r"\d\d-\d{8}-\d"),
    _Number("ec.ci", r"\d{10}", "c[ée]dula"),
    _Number("do.cedula", r"\d{3}-\d{7}-\d"),
    _Number("pe.cui", r"\d{8}(?:-?[\dA-Z])?", r"\bdni\b|\bcui\b"),
    _Number("id.nik", r"\d{16}", r"\bnik\b|ktp"),
    _Number("pk.cnic", r"\d{5}-\d{7}-\d"),
    _Number("us.itin", r"9\d\d-[5-9]\d-\d{4}"),
)
_LONG_ENOUGH: Final = r"(?=[A-Za-z]{0,6}[ -]?\d(?:[A-Za-z /.+-]{0,7}\d){3})"
"""Four digits, and at most six letters before them: the shortest of those numbers."""
_SIGNED: Final = tuple(number for number in _NUMBERS if not number.named)
_NAMED: Final = tuple(number for number in _NUMBERS if number.named)


@cache
def _pattern(numbers: tuple[_Number, ...]) -> re.Pattern[str]:
    """All their written forms as one pattern, tried only where a number with enough digits begins."""
    forms = "|".join(rf"(?:{number.written})(?![\w]|[-.]\d)" for number in numbers)
    return re.compile(rf"(?<![\w.+-]){_LONG_ENOUGH}(?:{forms})")


def find(page: Page) -> None:
    """Take numbers by which states know people."""
    _take_ssns(page)
    _take_passports(page)
    _take_national(page)


def _take_ssns(page: Page) -> None:
    pattern = _BARE_SSN if page.has(_OF_SSN_WORDS) else _SSN
    for match in page.matches(pattern, page.near_digits()):
        if _SSN.fullmatch(match[0]) or _OF_SSN.search(page.before(match.start(), _REACH)):
            page.take(Kind.US_SSN, *match.span())


def find_licenses(page: Page) -> None:
    """Take driver licences: the first number behind a word that tells of one, or right before it."""
    for name in page.matches(_OF_LICENSE, page.near(_LICENSES, 12, 24)):
        end = min(len(page.text), name.end() + _REACH + 20)
        match = _LICENSE.search(page.rest, name.end(), end) or _LETTERS_LICENSE.search(page.rest, name.end(), end)
        if match is not None and not _OF_ANOTHER.search(page.text, name.end(), match.start()):
            page.take(Kind.US_DRIVER_LICENSE, *match.span("value"))


def _take_passports(page: Page) -> None:
    for name in page.matches(_OF_PASSPORT, page.near(_PASSPORTS, 0, 12)):
        match = _PASSPORT.search(page.rest, name.end(), min(len(page.text), name.end() + _REACH))
        if match is not None:
            page.take(Kind.NATIONAL_ID, *match.span())


def _take_national(page: Page) -> None:
    for start, end in _checked(page, _SIGNED):
        page.take(Kind.NATIONAL_ID, start, end)
    for start, end in _checked(page, _NAMED):
        page.take(Kind.NATIONAL_ID, start, end)


def _checked(page: Page, numbers: tuple[_Number, ...]) -> Iterator[tuple[int, int]]:
    """Where one of these numbers stands that has its check digits right, and its name before it if it needs one."""
    for match in page.matches(_pattern(numbers), page.near_digits()):
        before = page.before(match.start(), _REACH)
        if any(_is_it(number, match[0], before) for number in numbers):
            yield match.span()


def _is_it(number: _Number, written: str, before: str) -> bool:
    if not re.fullmatch(number.written, written):
        return False
    if number.named and not (re.search(number.named, before, re.IGNORECASE) or _OF_ID.search(before)):
        return False
    return not number.module or bool(import_module(f"stdnum.{number.module}").is_valid(written))
