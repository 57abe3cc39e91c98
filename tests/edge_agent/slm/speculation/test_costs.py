"""What a pass over several tokens costs, learned from passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.speculation.costs import PassCosts


@given(one_s=st.floats(1e-4, 1.0), slope=st.floats(0.0, 1.0), widths=st.lists(st.integers(2, 17), min_size=8))
def test_a_straight_line_is_learned(one_s: float, slope: float, widths: list[int]) -> None:
    costs = PassCosts()
    for width in [1, *widths]:
        costs.observe(width, one_s * (1.0 + slope * (width - 1)))
    for width in range(1, 18):
        assert costs.relative(width) == pytest.approx(1.0 + slope * (width - 1), abs=1e-6)


def test_a_pass_that_was_held_up_counts_for_nothing() -> None:
    costs = PassCosts()
    for turn in range(12):
        costs.observe(1, 0.010 if turn % 4 else 0.500)
        costs.observe(5, 0.018 if turn % 4 else 0.900)
    assert costs.relative(5) == pytest.approx(1.8)


def test_a_longer_cache_is_noticed() -> None:
    costs = PassCosts()
    for one_s in (0.008, 0.016):
        for _ in range(20):
            costs.observe(1, one_s)
            costs.observe(3, one_s + 0.004)
    assert costs.relative(3) == pytest.approx(1.25)


def test_before_anything_was_seen_a_guess_will_do() -> None:
    costs = PassCosts()
    costs.observe(4, 0.02)  # means nothing without a pass over one
    assert costs.relative(1) == 1.0
    assert 1.1 < costs.relative(2) < 1.5
    assert costs.of_one(PassCosts()) == PassCosts().of_one(costs) == 0.0


def test_a_smaller_models_pass_in_passes_of_a_larger_one() -> None:
    large, small = PassCosts(), PassCosts()
    large.observe(1, 0.010)
    small.observe(1, 0.004)
    assert large.of_one(small) == pytest.approx(0.4)
