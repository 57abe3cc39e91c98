"""What the choice saved: what was spent, beside estimates of what one route alone would have taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from edge_agent.journal import StoredDecision
from orchestrator.routing.hindsight import Quantity
from orchestrator.types import Answer, Decision, Prediction, Route
from orchestrator.units import Interval


@dataclass(frozen=True, slots=True)
class Compared:
    """An answered question of which it was foreseen what either route would do."""

    decision: Decision
    answer: Answer
    local: Prediction
    cloud: Prediction

    @classmethod
    def of(cls, row: StoredDecision) -> Self | None:
        """None where there was no choice, no answer, or no model that wrote it."""
        if row.decision is None or row.answer is None or not row.answer.usage.completion_tokens:
            return None
        by_route = {prediction.route: prediction for prediction in row.decision.predictions}
        if len(by_route) < 2:
            return None
        return cls(row.decision, row.answer, by_route[Route.LOCAL], by_route[Route.CLOUD])

    @property
    def chosen(self) -> Prediction:
        """The forecast for the route that was decided."""
        return self.local if self.decision.route is Route.LOCAL else self.cloud

    def alone(self, route: Route, quantity: Quantity) -> Interval:
        """What the question would have taken by this route alone: the truth where it did, else the forecast."""
        if self.decision.route is self.answer.route is route:
            return Interval.exactly(quantity.seen(self.answer))
        return quantity.foreseen(self.local if route is Route.LOCAL else self.cloud)


def compared(rows: Sequence[StoredDecision]) -> list[Compared]:
    """Those of the rows that can be."""
    return [question for row in rows if (question := Compared.of(row)) is not None]


class Way(StrEnum):
    """How all questions could be answered."""

    CHOSEN = "as decided"
    DEVICE = "always the device"
    CLOUD = "always the cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a number of questions takes together. Bounds are the sums of the bounds: all err the same way."""

    questions: int
    way: Way
    amounts: dict[Quantity, Interval]
    good_answers: float
    """How many were expected to be good, by the forecasts."""

    def saved(self, quantity: Quantity, chosen: Taken) -> float:
        """What `chosen` took less than this, as expected; negative where it took more."""
        return self.amounts[quantity].expected - chosen.amounts[quantity].expected


def taken(questions: Sequence[Compared]) -> list[Taken]:
    """As decided, always by the device and always by the cloud. The first is measured, the others are estimates."""
    chosen = {
        quantity: Interval.exactly(sum(quantity.seen(question.answer) for question in questions))
        for quantity in Quantity
    }
    good = sum(question.chosen.quality.expected for question in questions)
    return [
        Taken(questions=len(questions), way=Way.CHOSEN, amounts=chosen, good_answers=good),
        _alone(questions, Way.DEVICE, Route.LOCAL),
        _alone(questions, Way.CLOUD, Route.CLOUD),
    ]


def _alone(questions: Sequence[Compared], way: Way, route: Route) -> Taken:
    good = sum((q.local if route is Route.LOCAL else q.cloud).quality.expected for q in questions)
    amounts = {quantity: _sum([q.alone(route, quantity) for q in questions]) for quantity in Quantity}
    return Taken(questions=len(questions), way=way, amounts=amounts, good_answers=good)


def _sum(intervals: Sequence[Interval]) -> Interval:
    return sum(intervals, start=Interval.exactly(0.0))
