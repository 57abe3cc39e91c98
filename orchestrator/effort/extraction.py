"""What an answer says, apart from its words: the key under which samples vote for the same thing."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

Extractor = Callable[[str], str | None]
"""The key of an answer; None for one that says nothing that could be compared: it abstains."""

_NUMBER: Final = re.compile(r"[-−]?\d+(?:,\d{3})+(?:\.\d+)?|[-−]?\d*\.?\d+")
_TOLD_LETTER: Final = re.compile(r"(?i:answer|option|choice)(?:\s+is)?\W{0,4}([A-J])\b")
_LETTER: Final = re.compile(r"(?:^|[\s(\"*])([A-J])(?=[\s).:,\"*]|$)")
_CHOICES: Final = re.compile(r"^\s*\(?[A-J][).:]\s", re.MULTILINE)
_COUNTS: Final = re.compile(
    r"\bhow (?:many|much|old|far|long|tall|fast)\b|\b(?:calculate|compute|sum of|total)\b|\d\s*[-+*/×÷]\s*\d",
    re.IGNORECASE,
)
_ARTICLES: Final = frozenset({"a", "an", "the"})
_LONGEST_WORDS: Final = 12


class AnswerKind(StrEnum):
    """What a question wants to know, as far as its answers can be compared."""

    NUMBER = "number"
    LETTER = "letter"
    TEXT = "text"

    @classmethod
    def of(cls, question: str) -> AnswerKind:
        """By the signs of the question: lettered choices, or words and figures that ask for a number."""
        if len(_CHOICES.findall(question)) > 1:
            return cls.LETTER
        return cls.NUMBER if _COUNTS.search(question) else cls.TEXT

    @property
    def extractor(self) -> Extractor:
        """What compares its answers."""
        return {self.NUMBER: number, self.LETTER: letter, self.TEXT: short_text}[self]


def number(answer: str) -> str | None:
    """The last number of an answer, which is where a calculation ends: `1,200.0` and `1200` are the same."""
    found = _NUMBER.findall(answer)
    if not found:
        return None
    try:
        value = Decimal(found[-1].replace(",", "").replace("−", "-"))
    except InvalidOperation:
        return None
    return f"{value.normalize():f}" if value else "0"


def letter(answer: str) -> str | None:
    """The letter of a choice: the one that is called the answer, else the first that stands alone."""
    found = _TOLD_LETTER.search(answer) or _LETTER.search(answer)
    return found[1] if found else None


def short_text(answer: str) -> str | None:
    """A few words without case, articles, punctuation and spaces; None for a longer text."""
    words = [word.strip(string.punctuation) for word in answer.casefold().split()]
    kept = [word for word in words if word and word not in _ARTICLES]
    return " ".join(kept) if 0 < len(kept) <= _LONGEST_WORDS else None
