"""Agreement and divergence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.slm.divergence import Page, compare, kl_nats
from edge_agent.slm.sampling import Floats

rows = arrays(np.float32, (3, 5), elements=st.floats(-20, 20, width=32))


@given(rows, rows, st.floats(-50, 50, width=32))
def test_divergence_is_never_negative_and_sees_no_shift(p: Floats, q: Floats, shift: float) -> None:
    assert (kl_nats(p, q) >= -1e-9).all()
    assert kl_nats(p, p + np.float32(shift)) == pytest.approx(0.0, abs=1e-4)


def test_divergence_of_a_known_pair() -> None:
    even, biased = np.zeros((1, 2), np.float32), np.log(np.array([[0.25, 0.75]], np.float32))
    assert kl_nats(even, biased)[0] == pytest.approx(0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75))


def test_only_the_positions_that_count_are_compared(tmp_path: Path) -> None:
    page = Page("one", "answers", (7, 8, 9), start=1)
    np.save(tmp_path / "one.npy", np.array([[0, 1], [1, 0]], np.float32))
    found = compare([page], tmp_path, lambda tokens: np.array([[9, 9], [0, 1], [0, 1]], np.float32))
    assert found["answers"].positions == 2
    assert found["answers"].agreement == 0.5
