"""What the store knows, found in a text: people by name, their addresses and numbers, places, and private codes.

The index is the store's own (`edge_agent.context.clues`), read with one query for all words of a text. So what was
stored before a text is read is found in it, whoever stored it, and a label counts as it is at that moment.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Final, NamedTuple

from edge_agent.context import clues
from edge_agent.context.clues import CODE, WORD, Teller, code_of, folded
from edge_agent.context.stopwords import STOP_WORDS
from edge_agent.context.store import SqliteContextStore
from edge_agent.privacy.inflection import names_in
from edge_agent.privacy.plain_words import EVERYBODYS, MONTHS, PLAIN_WORDS
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ENDS_SENTENCE: Final = re.compile(r"(?:\A|[.!?…:;\"“„»«>*•\n(\[-])\s*\Z")
_BETWEEN: Final = re.compile(
    r"(?:[ \u00a0]|-|, )(?:[A-ZÀ-ÞĀ-Ž]\.?[ -]|(?:v[ao]n|de|der|den|del|della|di|da|dos|du|la|le|al|bin|ibn) ){0,3}"
)
"""What may stand between two words of one person's name: "Anna-Maria", "Petrov, Nik", "Ludwig van der Berg"."""
_VERBS = "is was has had says said called calls wants wanted wrote told asked sent lives works needs came went and or"
_SPEAKS: Final = frozenset(_VERBS.split())
"""Behind a word that begins a sentence: then it is somebody, not the verb or the month that it could be."""
_TIMES = "in of by on since until till through during from to before after this next last every early mid late each im"
_BEFORE_MONTHS: Final = frozenset(_TIMES.split())
_MOST_GROUPS: Final = 8
"""Groups of digits that are tried together and apart."""


_LONG_ENDING: Final = 3
"""Letters that make a plain word none: "Péternek", not "Marks"."""
_SAME: Final = 1
"""Letters at the beginning of a word that no form changes; most words differ there."""
_PREFIX: Final = re.compile(r"(?<![^\W_])[OoDd]['’ʼ´`]\Z")
"""Of O'Neil and D'Angelo."""
_GROUP: Final = re.compile(r"\d+")
_UNSPACED: Final = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2,}")
_LONGEST_NAME: Final = 6
"""Signs of a name that stands between others without blanks."""
_LONG_NUMBER: Final = re.compile(r"(?<=[^\W\d_])\d{10,}\Z")
"""Behind letters, as in an IBAN: kept in groups, it is a number of its own."""
_SHORTEST_RARE: Final = 5
_NUMBER_BEHIND: Final = re.compile(r"\.?,?[ \u00a0]?\d{1,5}[a-z]?\b", re.IGNORECASE)
_NUMBER_BEFORE: Final = re.compile(r"\b\d{1,5}[a-z]?,?[ \u00a0]\Z", re.IGNORECASE)


_AMOUNT: Final = re.compile(r"\d+\.\d\d")


@dataclass(frozen=True, slots=True)
class _Words:
    """A text's words in columns, since of most of them nothing is asked twice."""

    spans: Sequence[tuple[int, int]]
    plain: Sequence[str]
    """Folded."""
    capital: Sequence[bool]

    @classmethod
    def of(cls, text: str) -> _Words:
        written = WORD.findall(text)
        return cls(
            [match.span() for match in WORD.finditer(text)],
            list(map(folded, written)),
            [word[0].isupper() for word in written],
        )


class _Hit(NamedTuple):
    clue: int
    kind: Kind
    start: int
    end: int


class Known:
    """Finds what the store knows; a `Detector` of `orchestrator.ports`. Any thread may ask."""

    def __init__(self, store: SqliteContextStore) -> None:
        self._store = store

    def find(self, text: str) -> Sequence[Finding]:
        """In the order of their starts; none overlaps another.

        The label is that of the least sensitive record that tells it, and at least personal: what stands in private
        records only is private.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._store.look(lambda connection: _found(connection, text))


def _found(connection: sqlite3.Connection, text: str) -> Sequence[Finding]:
    words = _Words.of(text)
    places = _places(words)
    codes = {**dict(_codes(text)), **dict(_unspaced(text))}
    asked = set(codes.values()).union(*(names_in(*word) for word in places))
    known = clues.beginning_with(connection, asked)
    hits = [*_named(text, words, _forms(places, known), known), *_coded(codes, known)]
    tellers = clues.tellers(connection, {hit.clue for hit in hits}) if hits else {}
    told = (_finding(hit, tellers[hit.clue], text) for hit in hits if hit.clue in tellers)
    findings = [finding for finding in told if not _is_price(finding, text)]
    return _joined([*findings, *_betraying(connection, text, words, findings)], text)


def _begins(text: str, start: int) -> bool:
    """Whether the word at `start` begins a sentence."""
    return _ENDS_SENTENCE.search(text[max(0, start - 4) : start]) is not None


def _places(words: _Words) -> dict[tuple[str, bool], list[int]]:
    """Each different word, folded and whether it has a capital → its numbers in the text."""
    found: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
    for number, word in enumerate(zip(words.plain, words.capital, strict=True)):
        found[word].append(number)
    return found


def _forms(places: Mapping[tuple[str, bool], Sequence[int]], known: Container[str]) -> dict[str, list[int]]:
    """Known name → the numbers of the words that may be a form of it."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for word, numbers in places.items():
        for form in names_in(*word):
            if form in known:
                found[form] += numbers
    return found


def _codes(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Where numbers, codes and mail addresses stand, and how the store would have them."""
    if "@" in text:
        yield from ((match.span(), CODE + match.group().lower()) for match in _ADDRESS.finditer(text))
    places = list(clues.with_digits(text))
    for match in clues.matches(clues.CODED, text, places):
        if code := code_of(match.group()):
            yield match.span(), code
        if digits := _LONG_NUMBER.search(match.group()):
            yield (match.start() + digits.start(), match.end()), code_of(digits.group())
    for match in clues.matches(clues.NUMBER, text, places):
        groups = [
            (match.start() + group.start(), match.start() + group.end()) for group in _GROUP.finditer(match.group())
        ]
        for first in range(min(len(groups), _MOST_GROUPS)):
            for last in range(first, min(len(groups), _MOST_GROUPS)):
                start, end = groups[first][0], groups[last][1]
                if code := code_of(text[start:end]):
                    yield (start, end), code


def _unspaced(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """What may be a name where nothing stands between words: in Chinese, Japanese and Korean."""
    for match in _UNSPACED.finditer(text):
        start, end = match.span()
        for first in range(start, end):
            for last in range(first + 2, min(first + _LONGEST_NAME, end) + 1):
                yield (first, last), folded(text[first:last])


def _coded(codes: Mapping[tuple[int, int], str], known: Mapping[str, list[tuple[int, str, Kind]]]) -> Iterator[_Hit]:
    for (start, end), code in codes.items():
        yield from (_Hit(clue, kind, start, end) for clue, rest, kind in known.get(code, ()) if not rest)


def _named(
    text: str, words: _Words, forms: Mapping[str, list[int]], known: Mapping[str, list[tuple[int, str, Kind]]]
) -> Iterator[_Hit]:
    for form, numbers in forms.items():
        before = _by_next(words, numbers)
        for clue, rest, kind in known[form]:
            further = rest.split()
            for number in before[rest[:_SAME].rstrip()] if further else numbers:
                if _follow(words, number, further) and _is_meant(text, words, number, form, bool(further)):
                    yield _Hit(clue, kind, words.spans[number][0], words.spans[number + len(further)][1])


def _by_next(words: _Words, numbers: Iterable[int]) -> Mapping[str, Sequence[int]]:
    """How the next word begins → the numbers of the words before it."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for number in numbers:
        if number + 1 < len(words.plain):
            found[words.plain[number + 1][:_SAME]].append(number)
    return found


def _follow(words: _Words, number: int, further: Sequence[str]) -> bool:
    """Whether these words stand behind that one, maybe in another form."""
    behind = slice(number + 1, number + 1 + len(further))
    plain = words.plain[behind]
    if len(plain) < len(further):
        return False
    written = zip(further, plain, words.capital[behind], strict=True)
    return all(one in names_in(word, capital) for one, word, capital in written)


def _is_meant(text: str, words: _Words, number: int, form: str, is_phrase: bool) -> bool:
    """Whether a word is the name, and not the plain word that is written like it."""
    plain = words.plain[number]
    is_plain = plain in PLAIN_WORDS or plain in STOP_WORDS
    if len(plain) - len(form) < _LONG_ENDING:
        is_plain = is_plain or form in PLAIN_WORDS or form in STOP_WORDS
    if is_phrase or not is_plain:
        return True
    if not words.capital[number]:
        return False
    before = words.plain[number - 1] if number else ""
    behind = words.plain[number + 1] if number + 1 < len(words.plain) else ""
    if form in MONTHS and (before in _BEFORE_MONTHS or behind[:1].isdigit()):
        return False
    start, end = words.spans[number]
    if not _begins(text, start):
        return True
    if not behind or words.spans[number + 1][0] - end != 1:
        return False
    return words.capital[number + 1] or behind == "s" or behind in _SPEAKS


def _finding(hit: _Hit, teller: Teller, text: str) -> Finding:
    label = max(teller.label, Sensitivity.PERSONAL, key=lambda each: each.rank)
    start, end = hit.start, hit.end
    if hit.kind is Kind.PERSON and (prefix := _PREFIX.search(text[max(0, start - 3) : start])):
        start -= len(prefix.group())
    if hit.kind is Kind.STREET_ADDRESS:  # the number of the house, on either side
        before, behind = _NUMBER_BEFORE.search(text[max(0, start - 9) : start]), _NUMBER_BEHIND.match(text, end)
        start, end = start - len(before.group()) if before else start, behind.end() if behind else end
    return Finding(hit.kind, start, end, label, f"record {teller.record_id}")


def _is_price(finding: Finding, text: str) -> bool:
    """An amount of money, which half the world pays, too; one that stands in private records only stays private."""
    return (
        finding.kind is Kind.ACCOUNT_NUMBER
        and finding.label is not Sensitivity.PRIVATE
        and _AMOUNT.fullmatch(text, finding.start, finding.end) is not None
    )


def _betraying(
    connection: sqlite3.Connection, text: str, words: _Words, findings: Sequence[Finding]
) -> Iterator[Finding]:
    """Words with a capital inside a sentence that stand in one or two records, and those are private."""
    taken = {place for finding in findings for place in range(finding.start, finding.end)}
    asked: dict[str, int | None] = {}
    for name, (start, end) in compress(zip(words.plain, words.spans, strict=True), words.capital):
        if len(name) < _SHORTEST_RARE or start in taken or _begins(text, start):
            continue
        if name in EVERYBODYS or name in STOP_WORDS or not name.isalpha():
            continue
        if name not in asked:
            asked[name] = clues.only_private(connection, name)
        if (record_id := asked[name]) is not None:
            yield Finding(Kind.SECRET, start, end, Sensitivity.PRIVATE, f"record {record_id}")


def _joined(findings: Sequence[Finding], text: str) -> Sequence[Finding]:
    """In order, the longest where several overlap, and neighbouring words of a name as one."""
    result: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, -each.end, -each.label.rank)):
        last = result[-1] if result else None
        if last is not None and finding.end <= last.end:
            continue
        if last is not None and (finding.start < last.end or _are_one_name(last, finding, text)):
            higher = max(last, finding, key=lambda each: each.label.rank)
            result[-1] = replace(last, end=finding.end, label=higher.label, source=higher.source)
        else:
            result.append(finding)
    return result


def _are_one_name(first: Finding, second: Finding, text: str) -> bool:
    both = first.kind is Kind.PERSON and second.kind is Kind.PERSON
    return both and _BETWEEN.fullmatch(text[first.end : second.start]) is not None
