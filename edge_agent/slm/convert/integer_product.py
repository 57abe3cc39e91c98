"""A product in integers: the activations of each token are rounded, and the sums of products are exact.

ONNX Runtime multiplies unsigned 8-bit activations with signed 8-bit weights on VNNI and AMX, several times as fast as
`MatMulNBits` multiplies blocks. Eight bits for the activations of a whole token are too few, since a few of them are
far larger than the rest (Dettmers et al. 2022, arXiv 2208.07339). So they become two terms, high + low, of eight bits
each: two rows over the same weights, which a decode pass reads but once.

With s the scale of a token's activations x: high = round(x / s), low = round((x / s - high) * 254). A token's scale is
its largest activation / 127, or, where the graph knows how large they can become, a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from edge_agent.slm.convert.nodes import Nodes

MICROSOFT = "com.microsoft"
_LEVELS = 127
# The rest behind `high` is half a level at most; these many steps of it fill eight bits.
_FINE = 2 * _LEVELS


class RoundedRows(NamedTuple):
    """Activations `[..., in]` as integers.

    Attributes:
        integers: uint8 `[..., terms, in]`, 128 for 0; of a single term `[..., in]`.
        unit: what one level of `high` stands for, float32 scalar; a token's own scale not included.
        weights: float32 `[..., 1, terms]` or `[1, terms]`: what each term counts in the sum; `[..., 1]` of only one.
        terms: 1 or 2.
    """

    integers: str
    unit: str
    weights: str
    terms: int


def round_rows(nodes: Nodes, hidden: str, terms: int, limit: float | None) -> RoundedRows:
    """Write the nodes that round `hidden`.

    Args:
        hidden: float32 `[..., in]`.
        terms: 1 or 2.
        limit: the largest magnitude that it can have, or None. A single term is too coarse for a limit.
    """
    op, name = nodes.op, f"{hidden}.{terms}x8bit"
    if terms == 1:
        scaled, peak = _scaled(nodes, hidden, name)
        unit = nodes.number(f"{name}.unit", 1 / _LEVELS)
        integers = op("QuantizeLinear", [scaled, unit, nodes.zero_point()], f"{name}.high")
        return RoundedRows(integers, unit, peak, terms)
    shares = nodes.number("integers.shares", [[1.0, 1 / _FINE]])
    rows = op("Unsqueeze", [hidden, nodes.constant("axis.terms", [-2])], f"{name}.rows")
    step = (1.0 if limit is None else limit) / _LEVELS
    if limit is None:
        rows, peak = _scaled(nodes, rows, name)
        shares = op("Mul", [peak, shares], f"{name}.shares")
    unit, zero = nodes.number(f"{name}.unit", step), nodes.zero_point()
    integers = op("QuantizeLinear", [rows, unit, zero], f"{name}.high")
    rest = op("Sub", [rows, op("DequantizeLinear", [integers, unit, zero], f"{name}.near")], f"{name}.rest")
    low = op("QuantizeLinear", [rest, nodes.number(f"{name}.fine", step / _FINE), zero], f"{name}.low")
    return RoundedRows(op("Concat", [integers, low], f"{name}.terms", axis=-2), unit, shares, terms)


def _scaled(nodes: Nodes, rows: str, name: str) -> tuple[str, str]:
    """Each row divided by its largest magnitude, and that; a row of zeros stays one."""
    op = nodes.op
    peak = op("ReduceMax", [op("Abs", [rows], f"{name}.size"), nodes.constant("axis.last", [-1])], f"{name}.peak")
    peak = op("Max", [peak, nodes.number("integers.least", 1e-30)], f"{name}.range")
    return op("Div", [rows, peak], f"{name}.scaled"), peak


def multiply_rounded(nodes: Nodes, name: str, rounded: RoundedRows, integers: str, scales: str) -> str:
    """Write the product `[..., out]` of rounded rows with a matrix: int8 `[in, out]`, scales float32 `[out]`."""
    op, zero = nodes.op, nodes.zero_point()
    inputs = [rounded.integers, integers, rounded.unit, scales, zero]
    terms = op("MatMulIntegerToFloat", inputs, f"{name}.terms", domain=MICROSOFT)
    if rounded.terms == 1:
        return op("Mul", [terms, rounded.weights], name)
    total = op("MatMul", [rounded.weights, terms], f"{name}.sum")
    return op("Squeeze", [total, nodes.constant("axis.terms", [-2])], name)


def norm_limit(gamma: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """The largest magnitude behind a root-mean-square norm: one activation holds all of the row's square."""
    return float(np.abs(gamma).max() * gamma.size**0.5)
