"""Quality against cost, by the forecasts: what the best plan in hindsight would get for every budget, and what was got.

The best plan sends the questions with the most to gain for each dollar first (the greedy bound of a knapsack, exact
where a question may be sent in part). Answering at random lies on the straight line between the two ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.report.savings import Compared
from orchestrator.types import Prediction


@dataclass(frozen=True, slots=True)
class Point:
    """The mean over all questions."""

    cost: float
    """USD a question, or the share of questions that leave: see `Frontier.in_usd`."""
    quality: float
    """Chance of a good answer, as forecast."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """From always the device, the first point, to always the cloud, the last."""

    points: tuple[Point, ...]
    chosen: Point
    in_usd: bool
    """Whether costs are money; where the cloud is free, they are questions that leave."""

    @property
    def reached(self) -> float | None:
        """How much of the best plan's gain over the device alone, at the cost of what was chosen, was got.

        None where there was nothing to gain.
        """
        base = self.points[0].quality
        best = self._best(self.chosen.cost)
        return (self.chosen.quality - base) / (best - base) if best > base else None

    def _best(self, cost: float) -> float:
        """The best plan's quality at a cost, between its points."""
        before = self.points[0]
        for point in self.points[1:]:
            if point.cost >= cost > before.cost:
                part = (cost - before.cost) / (point.cost - before.cost)
                return before.quality + part * (point.quality - before.quality)
            before = point
        return before.quality if cost > self.points[0].cost else self.points[0].quality


def frontier(questions: Sequence[Compared]) -> Frontier | None:
    """Of the questions of which both routes were foreseen; None where there are none."""
    if not questions:
        return None
    in_usd = any(question.cloud.usd.expected > 0 for question in questions)

    def cost(prediction: Prediction) -> float:
        return prediction.usd.expected if in_usd else float(prediction.leaves)

    steps = [(cost(q.cloud) - cost(q.local), q.cloud.quality.expected - q.local.quality.expected) for q in questions]
    steps.sort(key=lambda step: step[1] / step[0] if step[0] > 0 else math.copysign(math.inf, step[1]), reverse=True)
    n = len(questions)
    spent, good = sum(cost(q.local) for q in questions), sum(q.local.quality.expected for q in questions)
    points = [Point(spent / n, good / n)]
    for more, gain in steps:
        spent, good = spent + more, good + gain
        points.append(Point(spent / n, good / n))
    chosen = Point(sum(cost(q.chosen) for q in questions) / n, sum(q.chosen.quality.expected for q in questions) / n)
    return Frontier(tuple(points), chosen, in_usd)
