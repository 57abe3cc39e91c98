"""Rotary positions and the ways to stretch them. That they are transformers' own is for test_families to say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.convert.rotary import STRETCHES, Reach, Rotary

PLAIN = Rotary(10_000.0, 16)


def stretched(kind: str, window: int = 4096, **scaling: Any) -> Rotary:
    return STRETCHES[kind](PLAIN, scaling, Reach(trained=1024, window=window))


def test_tables_turn_by_one_radian_at_first_and_by_less_and_less() -> None:
    cosines, sines = Rotary(100.0, 4).tables(3)
    np.testing.assert_allclose(np.arctan2(sines, cosines), np.array([[0, 0], [1, 0.1], [2, 0.2]]), atol=1e-6)


def test_divisors_slow_down_and_the_magnitude_scales() -> None:
    cosines, sines = Rotary(100.0, 4, divisors=(2.0, 4.0), magnitude=3.0).tables(2)
    np.testing.assert_allclose(np.arctan2(sines, cosines)[1], [0.5, 0.025], atol=1e-6)
    np.testing.assert_allclose(np.hypot(sines, cosines), 3)


def test_linear_scaling_reads_every_position_as_a_fraction() -> None:
    np.testing.assert_allclose(stretched("linear", factor=4).tables(9)[0][8], PLAIN.tables(3)[0][2], atol=1e-6)


def test_dynamic_scaling_begins_beyond_the_trained_length() -> None:
    assert stretched("dynamic", window=1024, factor=4.0).theta == PLAIN.theta
    assert stretched("dynamic", window=2048, factor=4.0).theta == pytest.approx(PLAIN.theta * 5 ** (16 / 14))


@pytest.mark.parametrize("kind", ["yarn", "llama3"])
@given(factor=st.floats(1, 64))
def test_fast_pairs_stay_and_slow_ones_are_interpolated(kind: str, factor: float) -> None:
    rotary = stretched(
        kind, factor=factor, original_max_position_embeddings=512, low_freq_factor=1.0, high_freq_factor=4.0
    )
    assert rotary.divisors[0] == pytest.approx(1)
    assert rotary.divisors[-1] == pytest.approx(factor)
    assert list(rotary.divisors) == sorted(rotary.divisors)
    magnitude = 1 + 0.1 * math.log(factor) if kind == "yarn" else 1
    assert rotary.magnitude == pytest.approx(magnitude)


@pytest.mark.parametrize("kind", ["longrope", "su"])
def test_the_window_chooses_between_short_and_long_divisors(kind: str) -> None:
    lists = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8, "original_max_position_embeddings": 256}
    short, long = stretched(kind, window=256, **lists), stretched(kind, window=257, **lists)
    assert (short.divisors[0], long.divisors[0]) == (1, 2)
    assert short.magnitude == long.magnitude == pytest.approx(math.sqrt(1 + math.log(4) / math.log(256)))


def test_lists_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="7 factors for 8 pairs"):
        stretched("longrope", short_factor=[1.0] * 8, long_factor=[1.0] * 7)
