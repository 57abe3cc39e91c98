"""Least squares with uncertainty, for figures that cannot be negative.

Observations are divided by their standard uncertainties, so that the covariance of the coefficients is (AᵀA)⁻¹; it is
scaled up where the residuals are larger than the uncertainties allow (Bevington and Robinson, "Data Reduction and Error
Analysis for the Physical Sciences", 3rd edition 2003, chapter 7). What is known beforehand is one more observation of
each coefficient. A coefficient that would be negative is held at zero: time and joules never fall with tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.energy.figure import Figure

Matrix = NDArray[np.float64]


def fitted(
    rows: Sequence[Sequence[float]],
    values: Sequence[float],
    uncertainties: Sequence[float],
    *,
    known: Sequence[Figure] = (),
) -> list[Figure]:
    """The coefficients that explain `values` best, none below zero.

    Args:
        rows: (observations, coefficients).
        values, uncertainties: one an observation; uncertainties are above zero.
        known: what is known of each coefficient beforehand; empty for nothing.

    Raises:
        ValueError: there are fewer observations, known figures included, than coefficients; or one is no number.
    """
    matrix = np.asarray(rows, dtype=np.float64).reshape(len(rows), len(rows[0]) if rows else len(known))
    sigmas = np.asarray(uncertainties, dtype=np.float64)
    matrix, target = matrix / sigmas[:, None], np.asarray(values, dtype=np.float64) / sigmas
    if known:
        spreads = np.array([figure.uncertainty for figure in known])
        matrix = np.vstack([matrix, np.diag(1 / spreads)])
        target = np.concatenate([target, [figure.value for figure in known] / spreads])
    if len(target) < matrix.shape[1] or not (np.isfinite(matrix).all() and np.isfinite(target).all()):
        raise ValueError(f"{len(target)} observations cannot tell {matrix.shape[1]} coefficients, or are no numbers")
    free = _not_negative(matrix, target)
    best = _solved(matrix, target, free)
    spread = _spread(matrix, target - matrix @ best, free)
    return [Figure(float(value), float(uncertainty)) for value, uncertainty in zip(best, spread, strict=True)]


def middle(values: Sequence[float]) -> Figure:
    """The median, which one interrupted run does not move, and its uncertainty: 1.2533 times that of a mean.

    The spread is taken from the median of the deviations, which is 1/1.4826 of a standard deviation for normal errors
    (Huber, "Robust Statistics", 1981). With less than 1 % nobody is believed.
    """
    median = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(np.asarray(values) - median)))
    return Figure(median, max(1.2533 * deviation / math.sqrt(len(values)), 0.01 * median))


def _not_negative(matrix: Matrix, target: Matrix) -> list[int]:
    """The coefficients that are free: the most negative one is held at zero, again and again."""
    free = list(range(matrix.shape[1]))
    while free:
        best = _solved(matrix, target, free)[free]
        if best.min() >= 0:
            break
        free.pop(int(best.argmin()))
    return free


def _solved(matrix: Matrix, target: Matrix, free: list[int]) -> Matrix:
    best = np.zeros(matrix.shape[1])
    if free:
        best[free] = np.linalg.lstsq(matrix[:, free], target, rcond=None)[0]
    return best


def _spread(matrix: Matrix, left: Matrix, free: list[int]) -> Matrix:
    """Standard uncertainties. Of a coefficient that is held at zero, what it would have if it alone were fitted."""
    degrees = len(left) - len(free)
    scale = math.sqrt(max(1.0, float(left @ left) / degrees)) if degrees > 0 else 1.0
    with np.errstate(divide="ignore"):
        spread = 1 / np.linalg.norm(matrix, axis=0)
    if free:
        spread[free] = np.sqrt(np.diag(np.linalg.pinv(matrix[:, free].T @ matrix[:, free])))
    return np.where(np.isfinite(spread), spread, 0.0) * scale
