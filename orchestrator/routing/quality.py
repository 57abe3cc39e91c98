"""The chance of a good answer on each route, before anything ran.

The constants are priors: a 135M model answers about half of simple chat questions well, a 0.5B model about four of
five, and both fade as questions get harder. What the records say lifts whoever may read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.routing.features import Features
from orchestrator.types import Route, Sensitivity
from orchestrator.units import Interval

_SPREAD = 0.15
"""Half-width of the intervals: priors know no better."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recalled record as the decision sees it: no text."""

    record_id: int
    sensitivity: Sensitivity
    relevance: float
    """How well it fits the question, 0 to 1."""


def grounding(evidence: Sequence[Evidence]) -> float:
    """How far the question is about the user's own records, 0 to 1: the relevance of the best one."""
    return max((item.relevance for item in evidence), default=0.0)


def predict_quality(
    route: Route, features: Features, *, read: Sequence[Evidence], withheld: Sequence[Evidence]
) -> Interval:
    """Chance of a good answer.

    Args:
        route: `LOCAL` or `CLOUD`.
        features: signs of difficulty of the question.
        read: the records that this route's model would be shown.
        withheld: those it would not be shown. What matters and is missing caps the chance.
    """
    difficulty = features.difficulty
    chance = 0.88 - 0.75 * difficulty if route is Route.LOCAL else 0.92 - 0.35 * difficulty
    known = grounding(read)
    if known > 0:
        reading = 0.9 - 0.35 * difficulty
        chance = max(chance, reading * known + chance * (1 - known))
    chance *= 1 - 0.9 * max(0.0, grounding(withheld) - known)
    return Interval(max(0.0, chance - _SPREAD), chance, min(1.0, chance + _SPREAD))
