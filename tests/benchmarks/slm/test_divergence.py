"""Agreement and divergence over pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.slm.divergence import Page, compare


def test_only_the_positions_that_count_are_compared(tmp_path: Path) -> None:
    page = Page("one", "answers", (7, 8, 9), start=1)
    np.save(tmp_path / "one.npy", np.array([[0, 1], [1, 0]], np.float32))
    found = compare([page], tmp_path, lambda tokens: np.array([[9, 9], [0, 1], [0, 1]], np.float32))
    assert found["answers"].positions == 2
    assert found["answers"].agreement == 0.5
