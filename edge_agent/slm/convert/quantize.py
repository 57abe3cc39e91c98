"""Blockwise symmetric quantisation into the layout that ONNX Runtime's `MatMulNBits` reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.slm.convert.config import FloatArray
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


def quantize(matrix: FloatArray, blocks: Blocks) -> QuantizedMatrix:
    """Round `matrix` `[out, in]` to symmetric blocks.

    Eight bits use -127..127. The scale is max|w| / 127, or, for weights that were quantised before, a somewhat larger
    one on which they fall: Q8_0 and Q5_0 keep their exact values, and Q4_1 and Q4_K lose half as much as otherwise.
    Four bits map the weight of largest magnitude to -8, so that all sixteen levels count (as Q4_0 does).
    """
    rows, columns = matrix.shape
    count = -(-columns // blocks.size)
    packed = np.empty((rows, count, blocks.size * blocks.bits // 8), np.uint8)
    scales = np.empty((rows, count), np.float32)
    step = max(1, _CHUNK // columns)
    for start in range(0, rows, step):
        chunk = np.zeros((min(step, rows - start), count * blocks.size), np.float32)
        chunk[:, :columns] = matrix[start : start + step]
        part = slice(start, start + len(chunk))
        packed[part], scales[part] = _quantize_rows(chunk.reshape(len(chunk), count, blocks.size), blocks.bits)
    return QuantizedMatrix(packed, scales)


def dequantize(matrix: QuantizedMatrix, blocks: Blocks, columns: int) -> FloatArray:
    """The float32 matrix `[out, columns]` that `matrix` stands for."""
    stored = matrix.packed
    if blocks.bits == 4:
        stored = np.stack((stored & 15, stored >> 4), axis=-1).reshape(*stored.shape[:2], blocks.size)
    values: FloatArray = (stored.astype(np.float32) - 2 ** (blocks.bits - 1)) * matrix.scales[..., None]
    flat: FloatArray = values.reshape(len(values), -1)
    return flat[:, :columns]


def _quantize_rows(values: FloatArray, bits: int) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    """Round `values` `[rows, blocks, block size]`; returns them packed, and their scales."""
    zero = 2 ** (bits - 1)
    if bits == 8:
        scales = _aligned_scales(values)
    else:
        largest = np.take_along_axis(values, np.abs(values).argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
        scales = largest / np.float32(-zero)
    # A block of zeros has the scale 0; dividing by 1 instead stores zeros.
    levels = np.rint(values / np.where(scales == 0, np.float32(1), scales)[..., None]) + zero
    stored = np.clip(levels, 0, 2 * zero - 1).astype(np.uint8)
    if bits == 4:
        stored = stored[..., 0::2] | (stored[..., 1::2] << 4)
    return stored, scales


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
