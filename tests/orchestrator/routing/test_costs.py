"""Running statistics follow what is seen, and forget."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.costs import CostHistory, RouteCosts, RunningStatistic, TokenCost
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
    assert math.isclose(costs.decode_ms.first.mean, 10, rel_tol=0.01)
    assert math.isclose(50 * costs.prefill_joules.first.mean + 50 * costs.decode_joules.first.mean, 12, rel_tol=0.01)
    assert math.isclose(costs.overhead_ms.mean + 50 * costs.prefill_ms.first.mean, 100, rel_tol=0.05)


def test_what_was_seen_under_a_lowered_clock_is_kept_at_the_full_one() -> None:
    history, full = CostHistory(), CostHistory()
    for _ in range(60):
        history.observe(answer(first_ms=200, total_ms=1200), speed=0.5)
        full.observe(answer(first_ms=100, total_ms=600))
    slowed, plain = history.of(Route.LOCAL), full.of(Route.LOCAL)
    assert math.isclose(slowed.decode_ms.first.mean, plain.decode_ms.first.mean)
    assert math.isclose(slowed.decode_joules.first.mean, plain.decode_joules.first.mean)


@given(st.floats(0.1, 100), st.floats(0, 0.01), st.floats(0, 4000), st.floats(0, 4000))
def test_a_token_behind_more_others_never_takes_less(mean: float, growth: float, one: float, other: float) -> None:
    cost = TokenCost(RunningStatistic(mean, mean / 4), growth)
    fewer, more = cost.after(min(one, other)), cost.after(max(one, other))
    assert fewer.low <= more.low
    assert fewer.expected <= more.expected
    assert fewer.high <= more.high


def test_what_a_late_token_took_is_no_reason_to_think_that_early_ones_are_dear() -> None:
    cost = TokenCost(RunningStatistic(10, 1), growth=0.001)
    for _ in range(50):
        cost.observe(20, 1000)
    assert math.isclose(cost.after(0).expected, 10)
    assert math.isclose(cost.after(1000).expected, 20)


def test_a_calibration_replaces_what_is_assumed_of_the_device_alone() -> None:
    local = RouteCosts.of_device()
    local.decode_ms = TokenCost(RunningStatistic(77, 1))
    history = CostHistory(local)
    assert history.of(Route.LOCAL).decode_ms.first.mean == 77
    assert history.of(Route.CLOUD) == CostHistory().of(Route.CLOUD)


def test_a_handoff_teaches_nothing_about_either_route() -> None:
    history = CostHistory()
    before = history.of(Route.LOCAL).decode_ms.first.mean
    history.observe(answer(Route.HANDOFF, total_ms=99_999))
    assert history.of(Route.LOCAL).decode_ms.first.mean == before


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_nothing_that_is_seen_breaks_a_statistic(values: list[float]) -> None:
    statistic = RunningStatistic(10, 5)
    for value in values:
        statistic.observe(value if math.isfinite(value) and abs(value) < 1e150 else float("nan"))
    assert 0 <= statistic.interval.low <= statistic.interval.expected <= statistic.interval.high
