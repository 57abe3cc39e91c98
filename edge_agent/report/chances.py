"""Whether predicted chances of a good answer came true, by what users said of the answers.

Only what was said outright counts: asking again is a sign of bad answers alone, and would make all chances look too
high. Users rate whom they like, so this is a sample that chose itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.journal import StoredDecision
from edge_agent.report.proportion import bounds
from orchestrator.routing.feedback import Sign

_BINS: Final = 5
"""Of equal width, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Rated:
    """One answer that was rated."""

    chance: float
    """Of a good answer, as predicted for the route that was decided and taken."""
    good: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same chance; at least one."""

    answers: tuple[Rated, ...]

    @property
    def n(self) -> int:
        """How many."""
        return len(self.answers)

    @property
    def chance(self) -> float:
        """The mean predicted."""
        return sum(answer.chance for answer in self.answers) / self.n

    @property
    def good(self) -> float:
        """The share that was good."""
        return sum(answer.good for answer in self.answers) / self.n

    @property
    def good_bounds(self) -> tuple[float, float]:
        """What that share may be in the long run, with 95 % confidence."""
        return bounds(self.good, self.n)


def rated(rows: Sequence[StoredDecision]) -> list[Rated]:
    """The answers of which it was said whether they were good."""
    return [
        Rated(prediction.quality.expected, row.feedback.good)
        for row in rows
        if row.feedback and row.feedback.sign is Sign.TOLD and row.decision and row.answer
        for prediction in row.decision.predictions
        if prediction.route is row.decision.route is row.answer.route
    ]


def binned(answers: Sequence[Rated]) -> list[Bin]:
    """The bins that hold any, the lowest chance first."""
    bins: list[list[Rated]] = [[] for _ in range(_BINS)]
    for answer in answers:
        bins[min(_BINS - 1, int(answer.chance * _BINS))].append(answer)
    return [Bin(tuple(held)) for held in bins if held]
