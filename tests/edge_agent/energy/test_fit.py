"""Least squares with uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.energy.figure import Figure
from edge_agent.energy.fit import fitted, middle

AMOUNTS = st.floats(0.01, 100)


@given(AMOUNTS, AMOUNTS)
def test_without_noise_the_law_is_found(first: float, slope: float) -> None:
    rows = [(1.0, x) for x in (1.0, 2.0, 5.0, 9.0)]
    values = [first + slope * x for _, x in rows]
    found = fitted(rows, values, [0.01 * value for value in values])
    assert [figure.value for figure in found] == pytest.approx([first, slope], rel=1e-6)


def test_the_uncertainty_is_how_far_repeated_fits_lie_apart() -> None:
    random = np.random.default_rng(3)
    rows = [(1.0, x) for x in (10.0, 100.0, 400.0, 900.0)]
    truth = np.array([5.0, 0.01])
    fits = []
    for _ in range(400):
        values = np.array(rows) @ truth + random.normal(0, 0.2, 4)
        fits.append(fitted(rows, values.tolist(), [0.2] * 4))
    for column, known in enumerate(truth):
        apart = float(np.std([fit[column].value for fit in fits]))
        assert float(np.mean([fit[column].value for fit in fits])) == pytest.approx(known, rel=0.05)
        assert apart < float(np.mean([fit[column].uncertainty for fit in fits])) < 1.6 * apart  # residuals widen it


@given(st.lists(st.tuples(AMOUNTS, st.floats(0, 100)), min_size=3, max_size=8))
def test_nothing_is_ever_below_zero(points: list[tuple[float, float]]) -> None:
    found = fitted([(1.0, x, x * x) for x, _ in points], [y for _, y in points], [1.0] * len(points))
    assert all(figure.value >= 0 and figure.uncertainty >= 0 for figure in found)


def test_what_is_known_beforehand_gives_way_to_what_is_measured() -> None:
    known = [Figure(5.0, 2.5), Figure(0.12, 0.06)]
    assert [figure.value for figure in fitted([], [], [], known=known)] == pytest.approx([5.0, 0.12])
    work = [(2.0, 1.0), (1.0, 8.0), (3.0, 0.5), (0.5, 6.0)]
    joules = [2 * cpu_s + 0.3 * gigabytes for cpu_s, gigabytes in work]
    coarse = fitted(work, joules, [3.0] * 4, known=known)
    sharp = fitted(work, joules, [0.05] * 4, known=known)
    assert sharp[0].value == pytest.approx(2, rel=0.02)
    assert 2.05 < coarse[0].value < 5
    assert sharp[0].uncertainty < coarse[0].uncertainty < 2.5


def test_too_little_and_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="1 observations cannot tell 2 coefficients"):
        fitted([(1.0, 2.0)], [3.0], [1.0])
    with pytest.raises(ValueError, match="no numbers"):
        fitted([(1.0,), (1.0,)], [float("nan"), 1.0], [1.0, 1.0])


def test_a_run_that_stood_still_does_not_move_the_middle() -> None:
    assert middle([10, 10.5, 9.5, 10, 900]).value == 10
    assert middle([10, 10.5, 9.5, 10, 900]).uncertainty < 1
    assert middle([7.0]) == Figure(7.0, 0.01 * 7.0)
