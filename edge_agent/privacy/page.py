"""A text that several detectors read one after the other: what one has taken, the next no longer sees."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

_TAKEN: Final = "\x00"
"""Stands in place of every character that was taken: no pattern matches it, and all others keep their place."""
_DIGIT: Final = re.compile(r"\d")

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


class Page:
    """A text, what was found in it, and what is still to be read.

    Attributes:
        text: as it is; words around a number are looked up here.
        rest: the same without what was taken; patterns are matched here.
        found: what was taken, in the order of taking.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text
        self.found: list[Finding] = []
        self.has_digits = _DIGIT.search(text) is not None

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
