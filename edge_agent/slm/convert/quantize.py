"""Symmetric quantisation into the layouts that ONNX Runtime's operators read: in blocks, or in whole rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.error_feedback import round_with_feedback
from edge_agent.slm.convert.recipe import Blocks

# Weights at a time: their temporaries stay in the processor's cache, which halves the time.
_CHUNK = 250_000
# How many scales below the finest one are tried; more gain little.
_TRIES = 12


class QuantizedMatrix(NamedTuple):
    """A matrix `[out, in]` in blocks along `in`; the last block of a row is padded with zeros.

    Attributes:
        packed: uint8 `[out, blocks, block size * bits / 8]`; of two 4-bit weights the first is in the low half.
        scales: float32 `[out, blocks]`; a weight is `(stored - 2**(bits - 1)) * scale`.
    """

    packed: npt.NDArray[np.uint8]
    scales: FloatArray


class QuantizedRows(NamedTuple):
    """A matrix `[out, in]` with one scale for each output.

    Attributes:
        integers: int8 `[in, out]`, -127..127.
        scales: float32 `[out]`; a weight is `integer * scale`.
    """

    integers: npt.NDArray[np.int8]
    scales: FloatArray


def quantize(matrix: FloatArray, blocks: Blocks, inputs: FloatArray | None = None) -> QuantizedMatrix:
    """Round `matrix` `[out, in]` to symmetric blocks.

    Eight bits use -127..127. The scale is max|w| / 127, or, for weights that were quantised before, a somewhat larger
    one on which they fall: Q8_0 and Q5_0 keep their exact values, and Q4_1 and Q4_K lose half as much as otherwise.
    Four bits map the weight of largest magnitude to -8, so that all sixteen levels count (as Q4_0 does).

    Args:
        inputs: float32 `[tokens, in]`, what the matrix is multiplied with, for `round_with_feedback`.
    """
    rows, columns = matrix.shape
    count = -(-columns // blocks.size)
    scales = np.empty((rows, count), np.float32)
    packed = np.empty((rows, count, blocks.size * blocks.bits // 8), np.uint8)
    step = max(1, _CHUNK // columns) if inputs is None else rows
    for start in range(0, rows, step):
        chunk = np.zeros((min(step, rows - start), count * blocks.size), np.float32)
        chunk[:, :columns] = matrix[start : start + step]
        part = slice(start, start + len(chunk))
        scales[part] = _scales(chunk.reshape(len(chunk), count, blocks.size), blocks.bits)
        packed[part] = _packed(chunk, scales[part], blocks, inputs)
    return QuantizedMatrix(packed, scales)


def quantize_rows(matrix: FloatArray, inputs: FloatArray | None = None) -> QuantizedRows:
    """Round `matrix` `[out, in]` to integers with one scale, max|w| / 127, for each output; `inputs` as `quantize`."""
    scales = np.abs(matrix).max(axis=-1) / np.float32(127)
    levels = _levels(matrix, scales[:, None], inputs, -127, 127)
    return QuantizedRows(np.ascontiguousarray(levels.T.astype(np.int8)), scales)


def dequantize(matrix: QuantizedMatrix, blocks: Blocks, columns: int) -> FloatArray:
    """The float32 matrix `[out, columns]` that `matrix` stands for."""
    stored = matrix.packed
    if blocks.bits == 4:
        stored = np.stack((stored & 15, stored >> 4), axis=-1).reshape(*stored.shape[:2], blocks.size)
    values: FloatArray = (stored.astype(np.float32) - 2 ** (blocks.bits - 1)) * matrix.scales[..., None]
    flat: FloatArray = values.reshape(len(values), -1)
    return flat[:, :columns]


def _scales(values: FloatArray, bits: int) -> FloatArray:
    """The scales `[rows, blocks]` of `values` `[rows, blocks, block size]`."""
    if bits == 8:
        return _aligned_scales(values)
    largest = np.take_along_axis(values, np.abs(values).argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    scales: FloatArray = largest / np.float32(-8)
    return scales


def _packed(values: FloatArray, scales: FloatArray, blocks: Blocks, inputs: FloatArray | None) -> npt.NDArray[np.uint8]:
    """The levels of `values` `[rows, padded]` as the operator reads them."""
    zero = 2 ** (blocks.bits - 1)
    if inputs is not None:
        inputs = np.pad(inputs, ((0, 0), (0, values.shape[1] - inputs.shape[1])))
    levels = _levels(values, np.repeat(scales, blocks.size, axis=1), inputs, -zero, zero - 1)
    stored: npt.NDArray[np.uint8] = (levels + zero).astype(np.uint8).reshape(*scales.shape, blocks.size)
    if blocks.bits == 4:
        stored = np.bitwise_or(stored[..., 0::2], stored[..., 1::2] << 4)
    return stored


def _levels(
    matrix: FloatArray, scales: FloatArray, inputs: FloatArray | None, low: int, high: int
) -> npt.NDArray[np.int16] | FloatArray:
    """How many scales each weight is, as a whole number from `low` to `high`."""
    # What has only zeros has the scale 0; dividing by 1 instead stores zeros.
    steps = np.where(scales == 0, np.float32(1), scales)
    if inputs is None:
        return np.clip(np.rint(matrix / steps), low, high)
    return round_with_feedback(matrix, steps, inputs, low, high)


def _aligned_scales(values: FloatArray) -> FloatArray:
    """For each block, max|w| / 127, or a scale near it that its weights fall on, where they have a common step.

    Weights that were quantised before are `lowest + n * step`. A scale of step / k keeps their distances exactly, and
    rounds only `lowest`, the same for the whole block; among some k the one that moves it least is taken.
    """
    ordered = np.sort(values, axis=-1)
    lowest, highest = ordered[..., 0], ordered[..., -1]
    finest = (np.maximum(np.abs(lowest), np.abs(highest)) / 127).astype(np.float32)
    gaps = np.diff(ordered, axis=-1)
    # Equal weights differ by nothing but float32 rounding.
    step = np.where(gaps > finest[..., None] / 100, gaps, np.float32(np.inf)).min(axis=-1)
    places = (ordered - lowest[..., None]) / step[..., None]
    places -= np.rint(places)
    regular = np.isfinite(step) & (np.abs(places).max(axis=-1) < 0.01)
    most = np.where(regular, np.floor(step / np.where(regular, finest, 1) * 1.0001), 0)
    # What plain rounding costs: the standard deviation of an even error within one level.
    scales = finest
    least = finest / np.float32(12**0.5)
    for fewer in range(_TRIES):
        count = most - fewer
        scale = (step / np.maximum(count, 1)).astype(np.float32)
        scale[~regular] = 1
        moved = np.abs(lowest - np.rint(lowest / scale) * scale)
        better = (count >= 1) & (moved < least)
        scales = np.where(better, scale, scales)
        least = np.where(better, moved, least)
    return scales
