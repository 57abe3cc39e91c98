"""A day, question by question, through the product's own decision and ledger; and the best plan in hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.pacing.streams import Floats, Question
from orchestrator.budget import Headroom, Ledger, MemoryLedgerStore, Resource, Window
from orchestrator.errors import BudgetExhausted
from orchestrator.routing.bids import bids
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.policy import contenders, decide
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices, amount, value_usd
from orchestrator.testing import ManualClock
from orchestrator.types import (
    Budget,
    LinkState,
    Message,
    Prediction,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
    Spend,
    Terms,
)
from orchestrator.units import Interval

DAY_S = 86_400
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
PRICES = Prices()
_CLOUD = Terms(32_768, prompt_usd=1e-6, completion_usd=3e-6)
_DEVICE = Terms(8192)
_MAX_TOKENS = 256
_REQUEST = Request(id="replayed", messages=(Message("user", "a question"),))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what each route would do for it."""

    at: float
    routes: dict[Route, Prediction]
    situation: Situation


@dataclass(frozen=True, slots=True)
class Day:
    """What came of a day.

    Attributes:
        worth_usd: of its answers, less what they took, at the configured prices.
        left: questions that went to the cloud.
        refused: questions that nothing was left for.
    """

    worth_usd: float
    left: int
    refused: int


def prepared(questions: Sequence[Question]) -> list[Asked]:
    """The questions as decisions see them. Answers are as long as predicted: what is measured is the pace."""
    costs = CostHistory()
    asked = []
    for question in questions:
        estimates = {
            route: _sized(
                RouteEstimate.of(
                    route, costs.of(route), terms=terms, prompt_tokens=question.prompt_tokens, quality=quality
                ),
                question.answer_tokens,
            )
            for route, terms, quality in (
                (Route.LOCAL, _DEVICE, Interval.exactly(question.device)),
                (Route.CLOUD, _CLOUD, Interval.exactly(question.cloud)),
            )
        }
        situation = Situation(
            preference=RoutePreference.AUTO,
            local_only=False,
            budget=Budget(),
            max_tokens=_MAX_TOKENS,
            conversation_label=Sensitivity.PUBLIC,
            evidence=(),
            link=LinkState.UP,
            headroom=Headroom(device_joules=None, usd=None, cloud_requests=None),
            prices=PRICES,
            local=estimates[Route.LOCAL],
            cloud=estimates[Route.CLOUD],
        )
        routes = {prediction.route: prediction for prediction in contenders(situation)}
        asked.append(Asked(question.at, routes, situation))
    return asked


class Replay:
    """Days one after another, over one ledger."""

    def __init__(self, windows: Sequence[Window], *, pacing: bool) -> None:
        self._clock = ManualClock(MIDNIGHT)
        self._ledger = Ledger(MemoryLedgerStore(), windows, self._clock, pacing=pacing)
        self._day = 0

    def day(self, asked: Sequence[Asked]) -> Day:
        """The next day."""
        begins = MIDNIGHT + timedelta(days=self._day)
        self._day += 1
        worth, left, refused = 0.0, 0, 0
        for question in asked:
            self._clock.set_wall(begins + timedelta(seconds=question.at * DAY_S))
            route = self._answer(question)
            if route is None:
                refused += 1
                continue
            worth += value_usd(question.routes[route], PRICES)
            left += route is Route.CLOUD
        return Day(worth, left, refused)

    def _answer(self, question: Asked) -> Route | None:
        states = self._ledger.state()
        prices = PRICES.times({state.window.resource: state.price for state in states})
        situation = _with(question.situation, Headroom.of(states), prices)
        try:
            decision = decide(situation, _REQUEST, "replayed")
            wanted = bids(question.routes.values(), prices, PRICES)
            held = self._ledger.reserve(decision.worst_case, ttl_s=60, bids=wanted)
        except BudgetExhausted:
            return None
        taken = question.routes[decision.route]
        self._ledger.settle(held, Spend(**{r.value: amount(taken, r) for r in _SPENT}))  # type: ignore[arg-type]
        return decision.route


def hindsight_usd(asked: Sequence[Asked], windows: Sequence[Window]) -> float:
    """A bound on the worth of any plan that keeps to the windows, all questions known beforehand.

    It is the least dual of the linear programme over the questions' routes, not answering among them: no plan, and none
    of fixed prices, is worth more.
    """
    worth = np.array([[0.0, *(value_usd(q.routes[route], PRICES) for route in _ROUTES)] for q in asked])
    costs = [
        np.array([[0.0, *(amount(q.routes[route], window.resource) for route in _ROUTES)] for q in asked])
        for window in windows
    ]
    return _least_dual(worth, costs, [window.limit for window in windows])


def _least_dual(worth: Floats, costs: Sequence[Floats], limits: Sequence[float]) -> float:
    """The minimum over prices of sum(max over routes of worth - prices @ costs) + prices @ limits, all convex.

    Args:
        worth: `[questions, routes]`.
        costs: of each window, `[questions, routes]`.
        limits: of each window.
    """
    if not costs:
        return float(worth.max(axis=1).sum())

    def dual(price: float) -> float:
        return _least_dual(worth - price * costs[0], costs[1:], limits[1:]) + price * limits[0]

    low, high = 0.0, float(worth.max() / costs[0][costs[0] > 0].min())
    for _ in range(60):
        third = (high - low) / 3
        if dual(low + third) < dual(high - third):
            high -= third
        else:
            low += third
    return dual(low)


_ROUTES = (Route.LOCAL, Route.CLOUD)
_SPENT = (Resource.DEVICE_JOULES, Resource.USD, Resource.CLOUD_REQUESTS)


def _sized(estimate: RouteEstimate, answer_tokens: int) -> RouteEstimate:
    return replace(estimate, answer_tokens=Interval.exactly(answer_tokens))


def _with(situation: Situation, headroom: Headroom, prices: Prices) -> Situation:
    return replace(situation, headroom=headroom, prices=prices)
