"""What the learned policy would have been worth beyond the router's, told from decisions that were rated.

Doubly robust estimation (Dudík, Langford & Li 2011, arXiv 1103.4601): what a model of the answers expects, corrected by
what came of the routes that were taken, each divided by its probability. It is right where either the model or the
probabilities are; the probabilities are known here, since every decision stored its own.

Each decision is judged by what was believed before it, so nothing is judged on the answers that taught it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Final

from orchestrator.routing.lesson import Lesson

CONFIDENCE: Final = 0.9
"""One-sided, of the lower bound."""
FEWEST: Final = 30
"""Rated decisions below which nothing is proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A decision between two routes, as it was stored, and what its user said of the answer."""

    lesson: Lesson
    """What was believed then."""
    gap_usd: float
    """By how much the router valued the cloud above the device."""
    good_answer_usd: float
    local_chance: float
    """Of a good answer on the device, by the router; 0 to 1."""
    cloud_chance: float
    cloud: bool
    """Whether the cloud was taken."""
    probability: float
    """Of the route that was taken, above 0."""
    good: bool

    @property
    def gain(self) -> float:
        """The estimate of one decision: of the learned policy beyond the router, in good answers."""
        shift = self.lesson.cloud_wins(self.gap_usd, self.good_answer_usd) - (self.gap_usd > 0)
        expected_local = _chance(self.local_chance + self.lesson.local)
        expected_cloud = _chance(self.cloud_chance + self.lesson.cloud)
        cost = self.cloud_chance - self.local_chance - self.gap_usd / self.good_answer_usd
        surprise = self.good - (expected_cloud if self.cloud else expected_local)
        correction = surprise / self.probability * (1 if self.cloud else -1)
        return shift * (expected_cloud - expected_local - cost + correction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the learned policy gains beyond the router, in good answers a question; less what its routes cost."""

    decisions: int = 0
    """That were rated and had a choice."""
    expected: float = 0.0
    low: float = -math.inf
    """Lower bound at `CONFIDENCE`, one-sided."""

    @property
    def proved(self) -> bool:
        """Whether the learned policy may act: it is not worse than the router, as far as can be told."""
        return self.decisions >= FEWEST and self.low >= 0


def gain(rated: Sequence[Rated]) -> Gain:
    """Estimate it from decisions that were rated.

    The bound is that of a mean of independent values by the normal law. It is asked again after each rating, so over a
    long time it errs more often than once in ten; that is why the router keeps its share of the choices.
    """
    if len(rated) < 2:
        return Gain(decisions=len(rated))
    gains = [decision.gain for decision in rated]
    expected = fmean(gains)
    error = stdev(gains) / math.sqrt(len(gains))
    return Gain(decisions=len(gains), expected=expected, low=expected - NormalDist().inv_cdf(CONFIDENCE) * error)


def _chance(value: float) -> float:
    return min(1.0, max(0.0, value))
