"""What a promise is calibrated on is checked at the door."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.routing.calibration import Calibration

ROWS = Calibration.of([-0.2, 0.1, 0.4, 0.7], [1, 1, 0, 0], [0, 1, 1, 0])


def test_what_the_device_loses_and_what_leaves() -> None:
    assert ROWS.lost.tolist() == [-1, 0, 1, 0]
    assert (ROWS.worse(-1.0), ROWS.leaving(-1.0)) == (0.0, 1.0)
    assert (ROWS.worse(0.4), ROWS.leaving(0.4)) == (-0.25, 0.5)
    assert (ROWS.worse(0.41), ROWS.leaving(0.41)) == (0.0, 0.25)


def test_it_comes_back_from_a_file_with_the_same_fingerprint() -> None:
    file = io.BytesIO()
    np.savez(file, **ROWS.arrays)  # type: ignore[arg-type]  # numpy types its keywords as one flag
    file.seek(0)
    with np.load(file) as stored:
        again = Calibration.from_arrays(stored)
    assert again.fingerprint == ROWS.fingerprint
    assert ROWS[np.array([0, 1, 2])].fingerprint != ROWS.fingerprint


@pytest.mark.parametrize("score", [math.nan, math.inf, 1.5, -2.0])
def test_a_score_that_is_no_uplift_names_its_row(score: float) -> None:
    with pytest.raises(InvalidRequest, match="score of row 1"):
        Calibration.of([0.0, score], [True, False], [True, True])


@pytest.mark.parametrize("label", [2, -1, math.nan])
def test_a_label_that_is_neither_names_its_row(label: float) -> None:
    with pytest.raises(InvalidRequest, match="device's label of calibration row 1"):
        Calibration.of([0.0, 0.0], [0, label], [1, 1])


def test_no_rows_and_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="shapes"):
        Calibration.of([], [], [])
    with pytest.raises(InvalidRequest, match="shapes"):
        Calibration.of([0.1, 0.2], [True], [True, False])


def test_a_missing_column_is_named() -> None:
    arrays = ROWS.arrays
    del arrays["calibration_cloud_right"]
    with pytest.raises(InvalidRequest, match="calibration_cloud_right"):
        Calibration.from_arrays(arrays)
