"""The time in which so many begin."""

from __future__ import annotations

import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.first_token import FirstTokenTimes


@pytest.mark.parametrize("scale_s", [0.01, 0.3, 20.0])
def test_a_quantile_is_told_to_five_percent(scale_s: float) -> None:
    random, times = Random(1), FirstTokenTimes()
    seen = [scale_s * random.lognormvariate(0, 0.5) for _ in range(1500)]
    for seconds in seen:
        times.add(seconds)
    assert times.quantile(0.95) == pytest.approx(statistics.quantiles(seen, n=20)[18], rel=0.06)


def test_few_say_nothing() -> None:
    times = FirstTokenTimes()
    for _ in range(49):
        times.add(1.0)
    assert times.quantile(0.95) is None
    times.add(1.0)
    assert times.quantile(0.95) == pytest.approx(1.0, rel=0.05)


def test_the_past_is_forgotten() -> None:
    times = FirstTokenTimes()
    for seconds in [0.1] * 5000 + [2.0] * 2000:
        times.add(seconds)
    assert times.quantile(0.5) == pytest.approx(2.0, rel=0.05)


@given(st.lists(st.floats(0, 1e9), min_size=50, max_size=80))
def test_any_times_have_quantiles_in_order(seen: list[float]) -> None:
    times = FirstTokenTimes()
    for seconds in seen:
        times.add(seconds)
    median, tail = times.quantile(0.5), times.quantile(0.95)
    assert median is not None
    assert tail is not None
    assert 0 < median <= tail
