"""A fifth more at most, and ten a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.retry_budget import FLOOR_PER_S, WINDOW_S, RetryBudget
from orchestrator.testing import ManualClock

FLOOR = int(FLOOR_PER_S * WINDOW_S)


@given(st.integers(0, 3000), st.sampled_from([0.1, 0.2, 1.0]))
def test_a_storm_gets_its_share_and_the_floor(requests: int, share: float) -> None:
    budget = RetryBudget(ManualClock(), share)
    for _ in range(requests):
        budget.deposit()
    granted = sum(budget.withdraw() for _ in range(requests + 2 * FLOOR))
    assert abs(granted - (FLOOR + share * requests)) <= 1


def test_it_recovers_with_time_and_nothing_is_saved_up() -> None:
    clock = ManualClock()
    budget = RetryBudget(clock, 0.2)
    for _ in range(1000):
        budget.deposit()
    clock.advance(2 * WINDOW_S)
    assert sum(budget.withdraw() for _ in range(1000)) == FLOOR
    assert not budget.withdraw()
    clock.advance(2 * WINDOW_S)
    assert budget.withdraw()


def test_none_is_none() -> None:
    budget = RetryBudget(ManualClock(), 0)
    budget.deposit()
    assert not budget.withdraw()
