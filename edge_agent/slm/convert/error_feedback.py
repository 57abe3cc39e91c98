"""Rounding that makes up for itself: each weight's error is spread over the weights that are still to be rounded.

GPTQ (Frantar et al. 2022, arXiv 2210.17323), with its fixed order of columns, those with the largest inputs first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.slm.convert.config import FloatArray

# Of the mean second moment, added to each: inputs that the calibration text never moved must not be free.
_DAMPING = 0.01
# Columns between two updates of all that follow.
_STEP = 32


def round_with_feedback(
    matrix: FloatArray, scales: FloatArray, inputs: FloatArray, low: int, high: int
) -> npt.NDArray[np.int16]:
    """Integers n with `inputs @ (n * scales).T` near to `inputs @ matrix.T`.

    Args:
        matrix: float32 `[out, in]`.
        scales: float32 `[out, in]`, or `[out, 1]`: the weight that one level stands for; not 0.
        inputs: float32 `[tokens, in]`, finite: what the matrix is multiplied with on a calibration text.
        low, high: the least and the largest integer.

    Returns:
        int16 `[out, in]`.
    """
    order = np.argsort(-np.square(inputs).sum(axis=0), kind="stable")
    spread = _spread(inputs[:, order])
    # An input a row: what one step reads lies together.
    left, steps = np.ascontiguousarray(matrix.T[order]), np.ascontiguousarray(scales.T)
    levels = np.empty(left.shape, np.int16)
    for start in range(0, len(left), _STEP):
        end = min(start + _STEP, len(left))
        errors = np.empty((end - start, left.shape[1]), np.float32)
        for at in range(start, end):
            wanted = left[at] - spread[start:at, at] @ errors[: at - start]
            step = steps[order[at] if len(steps) > 1 else 0]
            levels[at] = level = np.clip(np.rint(wanted / step), low, high)
            errors[at - start] = (wanted - level * step) / spread[at, at]
        left[end:] -= spread[start:end, end:].T @ errors
    original = np.empty_like(levels)
    original[order] = levels
    return original.T


def _spread(inputs: FloatArray) -> FloatArray:
    """The upper triangle U `[in, in]` with U.T @ U the inverse of the inputs' damped second moments H.

    From last to first, Cholesky's factor L of H gives H = R @ R.T with R upper, so U is the inverse of R.
    """
    moments = (inputs.T @ inputs).astype(np.float64)
    diagonal = np.einsum("ii->i", moments)
    diagonal += _DAMPING * diagonal.mean() or 1.0
    upper = np.linalg.cholesky(moments[::-1, ::-1])[::-1, ::-1]
    return _inverse(upper).astype(np.float32)


def _inverse(upper: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The inverse of an upper triangle, by halves: all but the smallest are products of matrices, which are quick."""
    size = len(upper)
    if size <= 64:
        return np.linalg.inv(upper)
    half = size // 2
    first, last = _inverse(upper[:half, :half]), _inverse(upper[half:, half:])
    inverse = np.zeros_like(upper)
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[:half, half:] = -(first @ upper[:half, half:]) @ last
    return inverse
