"""Closed, open, half open."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.breaker import FEWEST_CALLS, REST_S, WINDOW_S, Breaker
from orchestrator.testing import ManualClock


def opened(clock: ManualClock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FEWEST_CALLS):
        breaker.fail(probe=breaker.begin())
    return breaker


def test_it_opens_at_half_of_at_least_five_calls() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(FEWEST_CALLS):
        breaker.succeed(probe=breaker.begin())
    for _ in range(FEWEST_CALLS - 1):
        breaker.fail(probe=breaker.begin())
    assert breaker.admits
    assert breaker.closed
    breaker.fail(probe=breaker.begin())
    assert not breaker.admits
    assert not breaker.closed
    assert breaker.rests_s == REST_S


def test_failures_of_long_ago_count_no_more() -> None:
    clock = ManualClock()
    breaker = Breaker(clock)
    for _ in range(10 * FEWEST_CALLS):
        breaker.fail(probe=breaker.begin())
        clock.advance(WINDOW_S / (FEWEST_CALLS - 1))
    assert breaker.closed


def test_half_open_it_lets_one_through_whose_end_decides() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(REST_S)
    assert breaker.admits
    assert breaker.begin()
    assert not breaker.admits
    breaker.fail(probe=True)
    assert not breaker.admits
    clock.advance(REST_S)
    assert breaker.begin()
    breaker.succeed(probe=True)
    assert breaker.closed
    breaker.fail(probe=breaker.begin())
    assert breaker.closed, "the past is forgotten"


def test_a_probe_whose_caller_leaves_makes_room_for_another() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.advance(REST_S)
    assert breaker.begin()
    breaker.forget(probe=True)
    assert breaker.admits


def test_calls_from_before_the_opening_do_not_close_it() -> None:
    breaker = opened(ManualClock())
    breaker.succeed(probe=False)
    breaker.fail(probe=False)
    assert not breaker.admits


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 4)), max_size=60))
def test_it_never_stays_shut(calls: list[tuple[bool, float]]) -> None:
    clock = ManualClock()
    breaker = Breaker(clock)
    for works, wait_s in calls:
        clock.advance(wait_s)
        if breaker.admits:
            (breaker.succeed if works else breaker.fail)(probe=breaker.begin())
    clock.advance(REST_S)
    assert breaker.admits
