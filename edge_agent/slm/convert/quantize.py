"""Blockwise symmetric quantisation into the layout that ONNX Runtime's `MatMulNBits` reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.recipe import Blocks

# Rows at a time: bounds the float32 temporaries to a few tens of megabytes, whatever the vocabulary.
_ROWS = 4096


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

    Eight bits use -127..127 with the scale max|w| / 127, which keeps weights that were Q8_0 in a GGUF file as they
    are. Four bits map the weight of largest magnitude to -8, so that all sixteen levels count (as Q4_0 does).
    """
    rows, columns = matrix.shape
    count = -(-columns // blocks.size)
    packed = np.empty((rows, count, blocks.size * blocks.bits // 8), np.uint8)
    scales = np.empty((rows, count), np.float32)
    for start in range(0, rows, _ROWS):
        chunk = np.zeros((min(_ROWS, rows - start), count * blocks.size), np.float32)
        chunk[:, :columns] = matrix[start : start + _ROWS]
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
        scales = np.abs(values).max(axis=-1) / 127
    else:
        largest = np.take_along_axis(values, np.abs(values).argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
        scales = largest / -zero
    # A block of zeros has the scale 0; dividing by 1 instead stores zeros.
    levels = np.rint(values / np.where(scales == 0, 1, scales)[..., None]) + zero
    stored = np.clip(levels, 0, 2 * zero - 1).astype(np.uint8)
    if bits == 4:
        stored = stored[..., 0::2] | (stored[..., 1::2] << 4)
    return stored, scales.astype(np.float32)
