"""The chance of a good answer on each route, before anything ran.

A fitted router tells it where one is configured. The constants are priors for all others: a 135M model answers about
half of simple chat questions well, a 0.5B model about four of five, and both fade as questions get harder. What the
records say lifts whoever may read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.routing.features import Features
from orchestrator.routing.router import Chances
from orchestrator.types import Sensitivity
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
    kept: bool = False
    """Whether it stays on the device, also where its label would let it go: for what was found in it."""


def grounding(evidence: Sequence[Evidence]) -> float:
    """How far the question is about the user's own records, 0 to 1: the relevance of the best one."""
    return max((item.relevance for item in evidence), default=0.0)


def prior(features: Features) -> Chances:
    """What is expected of both models where no router was fitted on questions of this kind."""
    difficulty = features.difficulty
    return Chances(device=0.88 - 0.75 * difficulty, cloud=0.92 - 0.35 * difficulty)


def predict_quality(
    chance: float, features: Features, *, read: Sequence[Evidence], withheld: Sequence[Evidence]
) -> Interval:
    """Chance of a good answer.

    Args:
        chance: of the route's model without any record, 0 to 1: a router's, or the prior.
        features: signs of difficulty of the question.
        read: the records that this route's model would be shown.
        withheld: those among which are some that it would not be shown: what matters and is missing caps the chance.
    """
    known = grounding(read)
    if known > 0:
        reading = 0.9 - 0.35 * features.difficulty
        chance = max(chance, reading * known + chance * (1 - known))
    chance *= 1 - 0.9 * max(0.0, grounding(withheld) - known)
    return Interval(max(0.0, chance - _SPREAD), chance, min(1.0, chance + _SPREAD))
