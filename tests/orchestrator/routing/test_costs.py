"""Running statistics follow what is seen, and forget."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.costs import CostHistory, RunningStatistic
from orchestrator.types import Answer, Egress, FinishReason, Latency, Route, Usage
from orchestrator.units import NO_ENERGY, Energy, EnergySource


def answer(route: Route = Route.LOCAL, *, first_ms: float = 100, total_ms: float = 600, joules: float = 12) -> Answer:
    return Answer(
        text="",
        route=route,
        reason="",
        finish_reason=FinishReason.STOP,
        decision_id="d",
        model="m",
        usage=Usage(50, 51),
        latency=Latency(first_token_ms=first_ms, total_ms=total_ms),
        device_energy=Energy(joules, 1, EnergySource.MODELLED),
        cloud_energy=NO_ENERGY,
        usd=0,
        egress=Egress(),
    )


def test_the_estimate_comes_to_what_is_seen() -> None:
    history = CostHistory()
    for _ in range(60):
        history.observe(answer())
    costs = history.of(Route.LOCAL)
    assert math.isclose(costs.decode_ms.mean, 10, rel_tol=0.01)
    assert math.isclose(50 * costs.prefill_joules.mean + 50 * costs.decode_joules.mean, 12, rel_tol=0.01)
    assert math.isclose(costs.overhead_ms.mean + 50 * costs.prefill_ms.mean, 100, rel_tol=0.05)


def test_a_handoff_teaches_nothing_about_either_route() -> None:
    history = CostHistory()
    before = history.of(Route.LOCAL).decode_ms.mean
    history.observe(answer(Route.HANDOFF, total_ms=99_999))
    assert history.of(Route.LOCAL).decode_ms.mean == before


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_nothing_that_is_seen_breaks_a_statistic(values: list[float]) -> None:
    statistic = RunningStatistic(10, 5)
    for value in values:
        statistic.observe(value if math.isfinite(value) and abs(value) < 1e150 else float("nan"))
    assert 0 <= statistic.interval.low <= statistic.interval.expected <= statistic.interval.high
