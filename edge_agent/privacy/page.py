"""A text that several detectors read one after the other: what one has taken, the next no longer sees."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

_TAKEN: Final = "\x00"
"""Stands in place of every character that was taken: no pattern matches it, and all others keep their place."""
_WITH_DIGITS: Final = re.compile(r"\d\S*(?:[ \u00a0\u2009\u202f]\S*\d\S*)*")
"""From a digit to the end of its word, and the next words that have digits, too."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_TOKEN: Final = re.compile(r"\S+")

PRIVATE_KINDS: Final = frozenset(
    {
        Kind.CREDIT_CARD,
        Kind.IBAN_CODE,
        Kind.ACCOUNT_NUMBER,
        Kind.US_SSN,
        Kind.US_DRIVER_LICENSE,
        Kind.NATIONAL_ID,
        Kind.SECRET,
    }
)
"""What does harm in anybody's hands is private; all else that tells of a person is personal."""


def label_of(kind: Kind) -> Sensitivity:
    """How far a thing of this kind may travel, by itself."""
    return Sensitivity.PRIVATE if kind in PRIVATE_KINDS else Sensitivity.PERSONAL


Span = tuple[int, int]


class Page:
    """A text, what was found in it, and what is still to be read.

    Most of a text has no digit and no word that a pattern waits for, so patterns are not tried there: `near_digits` and
    `near` say where it is worth trying.

    Attributes:
        text: as it is; words around a number are looked up here.
        rest: the same without what was taken; patterns are matched here.
        found: what was taken, in the order of taking.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text
        self.found: list[Finding] = []
        tokens = [match.span() for match in _TOKEN.finditer(text)]
        self._starts, self._ends = [start for start, _ in tokens], [end for _, end in tokens]
        self._digits = [(self._token_start(match.start()), match.end()) for match in _WITH_DIGITS.finditer(text)]
        self._near_digits: dict[Span, Sequence[Span]] = {}
        self._small = _in_small_letters(text)
        self._words = set(_WORD.findall(self._small))

    def take(self, kind: Kind, start: int, end: int) -> None:
        """What stands from `start` up to `end` is of this kind."""
        self.found.append(Finding(kind, start, end, label_of(kind), "pattern"))
        self.rest = f"{self.rest[:start]}{_TAKEN * (end - start)}{self.rest[end:]}"

    def before(self, start: int, reach: int) -> str:
        """The at most `reach` characters before `start`."""
        return self.text[max(0, start - reach) : start]

    def after(self, end: int, reach: int) -> str:
        """The at most `reach` characters from `end` on."""
        return self.text[end : end + reach]

    def has(self, words: Set[str]) -> bool:
        """Whether one of these words, in small letters, is in the text."""
        return not self._words.isdisjoint(words)

    def near_digits(self, left: int = 0, right: int = 0) -> Sequence[Span]:
        """Where digits are, and at least so many characters around them; in order and apart, whole words."""
        if (left, right) not in self._near_digits:
            self._near_digits[left, right] = self._widened(self._digits, left, right)
        return self._near_digits[left, right]

    def near(self, words: Set[str], left: int, right: int) -> Sequence[Span]:
        """The same around these words."""
        places = sorted(place for word in self._words & words for place in self._places(word))
        return self._widened([(place, place) for place in places], left, right)

    def around(self, pattern: re.Pattern[str], left: int, right: int) -> Sequence[Span]:
        """The same around what matches among digits, whether it is taken or not."""
        places = [match.span() for start, end in self._digits for match in pattern.finditer(self.text, start, end)]
        return self._widened(places, left, right)

    def tokens(self, pattern: re.Pattern[str]) -> Sequence[Span]:
        """What stands without white space around what matches, anywhere in the text."""
        return self._widened([match.span() for match in pattern.finditer(self.text)], 0, 0)

    def matches(self, pattern: re.Pattern[str], spans: Iterable[Span]) -> Iterator[re.Match[str]]:
        """What matches there, of what is not taken before it is asked for."""
        return (match for start, end in spans for match in pattern.finditer(self.rest, start, end))

    def _widened(self, spans: Sequence[Span], left: int, right: int) -> Sequence[Span]:
        result: list[Span] = []
        for start, end in spans:
            first = self._token_start(max(0, start - left))
            last = self._token_end(min(len(self.text), end + right))
            if result and first <= result[-1][1]:
                result[-1] = result[-1][0], max(last, result[-1][1])
            else:
                result.append((first, last))
        return result

    def _token_start(self, place: int) -> int:
        """Where what stands without white space before `place` begins."""
        token = bisect_left(self._starts, place) - 1
        return self._starts[token] if token >= 0 and place <= self._ends[token] else place

    def _token_end(self, place: int) -> int:
        """Where what stands without white space from `place` on ends."""
        token = bisect_right(self._starts, place) - 1
        return self._ends[token] if token >= 0 and place < self._ends[token] else place

    def _places(self, word: str) -> Iterator[int]:
        """Where the word begins that is this one in small letters."""
        text, place = self._small, self._small.find(word)
        while place >= 0:
            end = place + len(word)
            if not (place and _is_letter(text[place - 1])) and not (end < len(text) and _is_letter(text[end])):
                yield place
            place = text.find(word, end)


def _is_letter(character: str) -> bool:
    """As `_WORD` has it."""
    return character.isalnum() and not character.isdecimal()


def _in_small_letters(text: str) -> str:
    """The text with every character in its place: the few that grow in small letters stay as they are."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
