"""Only the latest seconds count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.sliding_sum import SlidingSum
from orchestrator.testing import ManualClock


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(-5, 5)), max_size=30))
def test_it_is_the_sum_of_what_was_added_within_the_span(steps: list[tuple[int, int]]) -> None:
    clock = ManualClock()
    window, added = SlidingSum(clock, 10.0), []
    for wait_s, value in steps:
        clock.advance(wait_s)
        window.add(value)
        added.append((clock.monotonic(), value))
        assert window.total == sum(value for at_s, value in added if clock.monotonic() - at_s < 10)


def test_it_can_be_cleared() -> None:
    window = SlidingSum(ManualClock(), 10.0)
    window.add(3)
    window.clear()
    assert window.total == pytest.approx(0)
