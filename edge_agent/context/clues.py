"""What records tell of people: names, addresses, numbers and codes, kept so that a text can be searched for them.

`edge_agent.privacy.known` reads a text with this index. It is a part of the store, written in the transaction that
writes the record: whoever asks after a record was stored finds what it tells, in every process, and nothing is left of
it when the record goes. Nothing is held in memory, and nothing is to be built when a store of any size is opened.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from edge_agent.context.naming import is_organization, is_telling, name_words
from edge_agent.context.turns import UNASKED
from orchestrator.privacy.finding import Kind
from orchestrator.types import Sensitivity

_KINDS: Final = {kind.value: kind for kind in Kind}
CODE: Final = "#"
"""Begins the clue of a number or a code: no word of a text begins so."""
_LETTERS: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that are letters of their own to Unicode, and that who has no such key writes so."""
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_ACCENTS: Final = re.compile(r"[\u0300-\u036f]")
WORD: Final = re.compile(r"[^\W_]+")
_APOSTROPHE: Final = re.compile(r"['’ʼ]")

_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+", re.IGNORECASE)
NUMBER: Final = re.compile(r"(?<![\w.,])\+?\(?\d(?:[ \u00a0\u202f./()-]{0,2}\d){4,24}(?!\w)")
CODED: Final = re.compile(r"(?<![^\W_])(?=[^\W_.:/-]*[._:/-]?[^\W_]*\d|[^\W\d_]+-)[^\W_]+(?:[-_./:][^\W_]+)*")
_MOMENT: Final = re.compile(
    r"(?:1[5-9]|20)\d\d(?:[-/. ]\d{1,2}){0,2}(?:[-/. ]?(?:1[5-9]|20)\d\d)?|\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d\d){1,2}"
    r"|[\d-]+T[\d:.]+(?:Z|[+-][\d:]+)?|\d{1,2}[:.h]\d\d(?:[:.]\d\d)?(?:-\d{1,2}[:.]\d\d)?"
)
_MEASURED: Final = re.compile(r"\d+[^\W\d_]{1,6}|[^\W\d_]{3,}\d{1,4}|\d+(?:st|nd|rd|th)|\d{1,3}(?:[.,]\d{3})*[.,]\d+")
"""Five kilometres, a model of a telephone: words with digits that are of nobody."""
_FEWEST: Final = 5
"""Letters and digits of a code."""
_TAIL: Final = 8
"""Digits that are compared at the end of a number: with or without the country's, it is the same one."""
_LOCAL: Final = re.compile(r"[,;\n]+")

_ADD: Final = "INSERT OR IGNORE INTO clues (word, rest, kind) VALUES (?, ?, ?)"
_LINK: Final = """
INSERT OR IGNORE INTO clue_records (clue_id, weight, record_id)
SELECT ?, CASE sensitivity WHEN 'public' THEN 0 WHEN 'personal' THEN 1 ELSE 2 END, id FROM records WHERE id = ?
"""
_ALL: Final = "SELECT id, kind, title, body, people, place FROM records"
_BY_WORD: Final = """
SELECT clues.id, clues.word, clues.rest, clues.kind FROM json_each(?) AS asked JOIN clues ON clues.word = asked.value
"""
_LEAST_SENSITIVE: Final = """
SELECT clues.value, weight, record_id FROM json_each(?) AS clues JOIN clue_records ON (clue_id, weight, record_id) = (
    SELECT clue_id, weight, record_id FROM clue_records WHERE clue_id = clues.value ORDER BY weight, record_id LIMIT 1
)
"""

_DIGIT: Final = re.compile(r"\d")
_SPACE: Final = re.compile(r"\s")
_JOINED: Final = 2
"""Blanks that may stand within a number."""
_NAMES: Final = 1024
_FOLDED: Final = 16_384
"""Words that are remembered: most words of a text come again in the next."""
_RARELY: Final = 2
"""Records that a rare word stands in, at most."""
_RARE: Final = f"""
SELECT id, sensitivity = 'private' FROM records
WHERE id IN (SELECT rowid FROM records_fts WHERE records_fts MATCH ? LIMIT {_RARELY + 1})
"""


class Clue(NamedTuple):
    """Words by which a text tells of what a record is about."""

    word: str
    """The first, folded; or `CODE` and a number or code without its separators."""
    rest: str
    """Those behind it, folded, with single spaces."""
    kind: Kind


class Teller(NamedTuple):
    """The record that decides how far a clue may travel: the least sensitive of those that tell it."""

    record_id: int
    label: Sensitivity


@lru_cache(_FOLDED)
def folded(word: str) -> str:
    """In small letters and without accents: "Łukasz" is "lukasz"."""
    if word.isascii():
        return word.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", word.casefold())).translate(_LETTERS)


def code_of(written: str) -> str:
    """The one form in which a number or a code is compared; empty where it is too short, or a date or a measure."""
    joined = "".join(filter(str.isalnum, written))
    if joined.isdecimal():
        plain = _MOMENT.fullmatch(written) or (joined.endswith("000") and len(joined) < _TAIL) or not joined.strip("0")
        return "" if len(joined) < _FEWEST or plain else f"{CODE}{joined[-_TAIL:]}"
    if len(joined) < _FEWEST or _MOMENT.fullmatch(written) or _MEASURED.fullmatch(written):
        return ""
    return f"{CODE}{folded(joined)}" if any(map(str.isdigit, joined)) else ""


def with_digits(text: str) -> Iterator[tuple[int, int]]:
    """Where words with digits stand, neighbours together: no match of `NUMBER` or of `CODED` with a digit is elsewhere.

    Most of a text has no digit, and either pattern would look at each of its characters.
    """
    first = last = -1
    digit = _DIGIT.search(text)
    while digit:
        start = digit.start()
        while start and not text[start - 1].isspace():
            start -= 1
        if start - last > _JOINED or first < 0:
            if first >= 0:
                yield first, last
            first = start
        space = _SPACE.search(text, digit.end())
        last = space.start() if space else len(text)
        digit = _DIGIT.search(text, last)
    if first >= 0:
        yield first, last


def matches(pattern: re.Pattern[str], text: str, places: Iterable[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """What matches in these places of a text."""
    return (match for start, end in places for match in pattern.finditer(text, start, end))


def clues_of(kind: str, title: str, body: str, people: Sequence[str], place: str) -> tuple[Clue, ...]:
    """What a record tells, of people by name, and of anybody by numbers and codes."""
    found = [clue for person in people for clue in _of_person(person, kind == "mail")]
    found += _of_place(place, kind == "contact") if place else ()
    if kind not in UNASKED:
        found += _of_text(f"{title}\n{body}")
    return tuple(dict.fromkeys(found))


def note(connection: sqlite3.Connection, found: Mapping[int, Iterable[Clue]]) -> None:
    """Keep the clues of new or changed records, by their ids; the earlier ones are gone with the change."""
    rows = [(clue, record_id) for record_id, clues in found.items() for clue in clues]
    if rows:
        named = list(dict.fromkeys(clue for clue, _ in rows))
        connection.executemany(_ADD, named)
        known = beginning_with(connection, {clue.word for clue in named})
        ids = {Clue(word, rest, kind): clue_id for word in known for clue_id, rest, kind in known[word]}
        connection.executemany(_LINK, sorted((ids[clue], record_id) for clue, record_id in rows))


def note_all(connection: sqlite3.Connection) -> None:
    """Keep the clues of all records; there are none yet."""
    last = connection.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]
    for first in range(0, last + 1, 500):
        page = connection.execute(f"{_ALL} WHERE id BETWEEN ? AND ?", (first, first + 499)).fetchall()
        note(
            connection,
            {
                record_id: clues_of(kind, title, body, json.loads(people), place)
                for record_id, kind, title, body, people, place in page
            },
        )


def beginning_with(connection: sqlite3.Connection, words: Iterable[str]) -> dict[str, list[tuple[int, str, Kind]]]:
    """Word → id, further words and kind of each clue that begins with it."""
    found: dict[str, list[tuple[int, str, Kind]]] = {}
    for clue_id, word, rest, kind in connection.execute(_BY_WORD, (json.dumps(list(words)),)):
        found.setdefault(word, []).append((clue_id, rest, _KINDS[kind]))
    return found


def tellers(connection: sqlite3.Connection, clue_ids: Iterable[int]) -> dict[int, Teller]:
    """Id of a clue → the record that decides; without those that no record tells any more."""
    labels = list(Sensitivity)
    return {
        clue_id: Teller(record_id, labels[weight])
        for clue_id, weight, record_id in connection.execute(_LEAST_SENSITIVE, (json.dumps(list(clue_ids)),))
    }


def only_private(connection: sqlite3.Connection, word: str) -> int | None:
    """The id of a record with this word, where it stands in one or two records and all of them are private."""
    rows = connection.execute(_RARE, (f'"{word}"',)).fetchall()
    return max(row[0] for row in rows) if 0 < len(rows) <= _RARELY and all(row[1] for row in rows) else None


@lru_cache(_NAMES)
def _of_person(person: str, is_mail: bool) -> tuple[Clue, ...]:
    """The same few people are in most records."""
    return tuple(_read_person(person, is_mail))


def _read_person(person: str, is_mail: bool) -> Iterator[Clue]:
    if address := _ADDRESS.search(person):
        yield Clue(CODE + address.group().lower(), "", Kind.EMAIL_ADDRESS)
        person = person.replace(address.group(), " ")
    if any(map(str.isdigit, person)):
        if code := code_of(person):
            yield Clue(code, "", Kind.PHONE_NUMBER)
        return
    words = name_words(person)
    if is_organization(person, alone=is_mail):
        yield from _phrase(WORD.findall(person), Kind.ORGANIZATION)
    else:
        yield from (Clue(form, "", Kind.PERSON) for word in words for form in _spellings(word) if len(form) > 1)


def _of_place(place: str, is_address: bool) -> Iterator[Clue]:
    """Each part of an address or a venue that names something, without the numbers around it."""
    town = Kind.GPE if is_address else Kind.ORGANIZATION
    for part in _LOCAL.split(place):
        words = WORD.findall(part)
        named = [number for number, word in enumerate(words) if not any(map(str.isdigit, word))]
        if not named or (len(named) == 1 and not is_telling(words[named[0]])):
            continue
        phrase = words[named[0] : named[-1] + 1]
        is_street = len(named) < len(words) and not (len(phrase) == 1 and named[0] > 0 and len(words[0]) > 3)
        yield from _phrase(phrase, Kind.STREET_ADDRESS if is_street else town)


def _phrase(words: Sequence[str], kind: Kind) -> Iterator[Clue]:
    if words:
        plain = [folded(word) for word in words]
        yield from (Clue(form, " ".join(plain[1:]), kind) for form in _spellings(words[0]))


def _spellings(word: str) -> Iterator[str]:
    """A word without accents; Müller as Mueller, too, and O'Neil as Oneil and as Neil: a text's word ends there."""
    parts = _APOSTROPHE.split(word)
    for written in dict.fromkeys(("".join(parts), parts[-1])):
        yield folded(written)
        if (germanic := written.lower().translate(_UMLAUTS)) != written.lower():
            yield folded(germanic)


def _of_text(text: str) -> Iterator[Clue]:
    rest = text
    if "@" in text:
        yield from (Clue(CODE + address.lower(), "", Kind.EMAIL_ADDRESS) for address in _ADDRESS.findall(text))
        rest = _ADDRESS.sub(" ", rest)
    if not _DIGIT.search(rest):
        return
    rest = _URL.sub(" ", rest)
    places = list(with_digits(rest))
    for match in matches(NUMBER, rest, places):
        if code := code_of(match.group()):
            kind = Kind.PHONE_NUMBER if match.group().startswith(("+", "0", "(")) else Kind.ACCOUNT_NUMBER
            yield Clue(code, "", kind)
    for match in matches(CODED, rest, places):
        if _DIGIT.search(match.group()) and (code := code_of(match.group())):
            yield Clue(code, "", Kind.ACCOUNT_NUMBER)
