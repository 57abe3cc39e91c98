"""How good the forecasts were: whether nine in ten outcomes fell into their intervals, and how far off they were.

Only of answers that kept to the route that was decided. The chance of a good answer is no amount: see `chances`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from edge_agent.journal import StoredDecision
from edge_agent.report.proportion import bounds
from orchestrator.routing.hindsight import Forecast, Quantity, hindsight
from orchestrator.types import Route

PROMISED: Final = 0.9
"""The share of outcomes that an interval should hold."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """The forecasts of one quantity of one route, against what came."""

    route: Route
    quantity: Quantity
    forecasts: tuple[Forecast, ...]

    @property
    def n(self) -> int:
        """How many there are; at least one."""
        return len(self.forecasts)

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Outcomes below the interval, in its lower part (up to the expected value), in its upper part, and above."""
        counts = [0, 0, 0, 0]
        for forecast in self.forecasts:
            counts[_part(forecast)] += 1
        below, lower, upper, above = (count / self.n for count in counts)
        return below, lower, upper, above

    @property
    def inside(self) -> float:
        """The share of outcomes inside of the interval."""
        return sum(forecast.inside for forecast in self.forecasts) / self.n

    @property
    def inside_bounds(self) -> tuple[float, float]:
        """What that share may be in the long run, with 95 % confidence."""
        return bounds(self.inside, self.n)

    @property
    def is_believable(self) -> bool:
        """Whether the promised share is within those bounds."""
        low, high = self.inside_bounds
        return low <= PROMISED <= high

    @property
    def ratio(self) -> float | None:
        """The median of actual to expected: above 1, it took more than foreseen. None where nothing was expected."""
        ratios = [f.actual / f.predicted.expected for f in self.forecasts if f.predicted.expected > 0]
        return median(ratios) if ratios else None

    @property
    def error(self) -> float | None:
        """The median of how far off a forecast was, as a share of what was expected."""
        errors = [abs(f.error) / f.predicted.expected for f in self.forecasts if f.predicted.expected > 0]
        return median(errors) if errors else None


def _part(forecast: Forecast) -> int:
    """Where in its interval the outcome lies: 0 below to 3 above."""
    if forecast.inside:
        return 2 if forecast.error > 0 else 1
    return 3 if forecast.error > 0 else 0


def reliabilities(rows: Sequence[StoredDecision]) -> list[Reliability]:
    """Of each route and quantity that has outcomes."""
    found: dict[tuple[Route, Quantity], list[Forecast]] = defaultdict(list)
    for row in rows:
        if row.decision is None or row.answer is None or row.answer.route is not row.decision.route:
            continue
        for forecast in hindsight(row.decision, row.answer):
            found[row.decision.route, forecast.quantity].append(forecast)
    return [
        Reliability(route, quantity, tuple(found[route, quantity]))
        for route in Route
        for quantity in Quantity
        if (route, quantity) in found
    ]
