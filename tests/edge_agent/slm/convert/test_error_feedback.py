from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.error_feedback import round_with_feedback


def normal(seed: int, *shape: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@settings(deadline=None)
@given(seed=st.integers(0, 99), rows=st.integers(1, 6), columns=st.integers(1, 200))
def test_integers_stay_within_their_range(seed: int, rows: int, columns: int) -> None:
    matrix, inputs = normal(seed, rows, columns), normal(seed + 1, 40, columns)
    levels = round_with_feedback(matrix, np.full((rows, 1), 0.3, np.float32), inputs, -8, 7)
    assert levels.shape == matrix.shape
    assert levels.min() >= -8
    assert levels.max() <= 7


def test_what_already_lies_on_the_levels_stays() -> None:
    wanted = np.random.default_rng(0).integers(-127, 128, (5, 70))
    scales = np.array([[0.01], [0.02], [0.5], [1], [3]], np.float32)
    levels = round_with_feedback((wanted * scales).astype(np.float32), scales, normal(1, 30, 70), -127, 127)
    np.testing.assert_array_equal(levels, wanted)


def test_inputs_that_never_move_are_rounded_to_the_nearest() -> None:
    matrix, inputs = normal(2, 4, 50), normal(3, 30, 50)
    inputs[:, 10:20] = 0
    levels = round_with_feedback(matrix, np.full((4, 1), 0.1, np.float32), inputs, -127, 127)
    np.testing.assert_array_equal(levels[:, 10:20], np.rint(matrix[:, 10:20] / np.float32(0.1)))


def test_without_any_input_everything_is() -> None:
    matrix = normal(4, 4, 50)
    levels = round_with_feedback(matrix, np.full((4, 1), 0.1, np.float32), np.zeros((9, 50), np.float32), -127, 127)
    np.testing.assert_array_equal(levels, np.rint(matrix / np.float32(0.1)))


def test_errors_that_inputs_share_are_made_up_for() -> None:
    """Two inputs that are always equal: what the one rounds away, the other takes over."""
    inputs = np.repeat(normal(5, 50, 1), 2, axis=1)
    levels = round_with_feedback(np.array([[0.4, 0.4]], np.float32), np.ones((1, 1), np.float32), inputs, -127, 127)
    assert levels.sum() == 1
