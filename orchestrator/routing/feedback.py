"""What became of an answer in its user's eyes: told outright, or shown by asking again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Sign(StrEnum):
    """How it came to be known."""

    TOLD = "told"
    """The user said so."""
    ASKED_AGAIN = "asked_again"
    """Nearly the same was asked again soon after: a retry, or an edit of the question."""


_WEIGHTS: Final = {Sign.TOLD: 1.0, Sign.ASKED_AGAIN: 0.25}
"""Who asks again may have mistyped, or want another wording: four such signs weigh as much as one that was told."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Whether an answer was good. It holds no text."""

    good: bool
    at: datetime
    """When it came."""
    sign: Sign = Sign.TOLD

    @property
    def weight(self) -> float:
        """How much it counts for learning, in answers that were rated outright."""
        return _WEIGHTS[self.sign]
