"""Which rows of a head could win."""

from __future__ import annotations

import numpy as np

from benchmarks.head import needs


def test_a_row_that_could_win_is_never_left_out() -> None:
    rng = np.random.default_rng(0)
    head, hidden = rng.standard_normal((200, 64), np.float32), rng.standard_normal((20, 64), np.float32)
    screening, cut, clusters = needs(hidden, head, np.arange(50))
    assert screening.rows >= 1
    assert 50 <= clusters.rows <= 200
    assert 50 <= cut.rows <= 200
    assert 0 <= cut.without_bound <= 1


def test_where_one_direction_decides_few_rows_are_left() -> None:
    head = np.full((500, 32), 0.001, np.float32)
    head[:10] += np.eye(10, 32, dtype=np.float32) * 10
    hidden = np.eye(10, 32, dtype=np.float32)
    for need in needs(hidden, head, np.arange(10)):
        assert need.rows <= 10
        assert need.without_bound == 1
