"""Ways to multiply with a stored matrix: those that recipes use, and those that were tried and turned down.

`python -m benchmarks.kernels [--model smollm2|qwen] [--tokens 1 2 8 128]` prints a Markdown table for each number of
tokens: microseconds of one layer's products, all ways in turns, medians of ratios to the first. What a way costs in
precision is for `edgewise models tune` and docs/tuning.md to say.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Blocks, Rows
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.session import session_options
from edge_agent.slm.tune.costs import Products, Shape, Write, product_in, timed_in_turns
from orchestrator.clock import SystemClock

SHAPES: dict[str, dict[str, Sequence[Shape]]] = {
    "smollm2": {
        "attention in": [(960, 576)],
        "attention out": [(576, 576)],
        "feed-forward in": [(1536, 576)] * 2,
        "feed-forward out": [(576, 1536)],
    },
    "qwen": {
        "attention in": [(1152, 896)],
        "attention out": [(896, 896)],
        "feed-forward in": [(4864, 896)] * 2,
        "feed-forward out": [(896, 4864)],
    },
}
LAYERS = {"smollm2": 30, "qwen": 24}
_BLOCK = 32


def with_block_sums(nodes: Nodes, hidden: str, name: str, shape: Shape) -> str:
    """Q4_1 without loss: four-bit blocks around 0, and the block sums of x times (minimum + 8 * scale)."""
    rows, columns = shape
    blocks = columns // _BLOCK
    rng = np.random.default_rng(0)
    matrix = nodes.matrix(f"{name}.weight", rng.standard_normal(shape, np.float32), Blocks(4, _BLOCK, 4))
    around_zero = nodes.multiply(f"{name}.around", hidden, matrix)
    split = nodes.op("Reshape", [hidden, nodes.constant("blocks", [1, -1, blocks, _BLOCK])], f"{name}.blocks")
    sums = nodes.op("ReduceSum", [split, nodes.constant("last", [-1])], f"{name}.sums", keepdims=0)
    minima = nodes.weight(f"{name}.minima", rng.standard_normal((blocks, rows), np.float32))
    return nodes.op("Add", [around_zero, nodes.op("MatMul", [sums, minima], f"{name}.shift")], name)


def one_scale_for_all(nodes: Nodes, hidden: str, name: str, shape: Shape) -> str:
    """`DynamicQuantizeMatMul`: one activation scale for the whole pass, so tokens depend on each other. Never used."""
    return nodes.op("DynamicQuantizeMatMul", [hidden, *_integers(nodes, name, shape)], name, domain=MICROSOFT)


def constant_scale(nodes: Nodes, hidden: str, name: str, shape: Shape) -> str:
    """A single term with a constant scale: what rounding alone would cost if eight bits were enough for any row."""
    unit, zero = nodes.number("unit", 0.05), nodes.zero_point()
    rounded = nodes.op("QuantizeLinear", [hidden, unit, zero], f"{name}.rounded")
    integers, scales = _integers(nodes, name, shape)
    return nodes.op("MatMulIntegerToFloat", [rounded, integers, unit, scales, zero], name, domain=MICROSOFT)


def _integers(nodes: Nodes, name: str, shape: Shape) -> tuple[str, str]:
    integers = np.random.default_rng(0).integers(-127, 128, shape[::-1]).astype(np.int8)
    scales = np.full(shape[0], 0.01, np.float32)
    return nodes.weight(f"{name}.integers", integers), nodes.weight(f"{name}.scales", scales)


WAYS: dict[str, Write] = {
    "8-bit/32": product_in(Blocks(8, 32, 4)),
    "8-bit/128": product_in(Blocks(8, 128, 4)),
    "4-bit/32": product_in(Blocks(4, 32, 4)),
    "4-bit/128": product_in(Blocks(4, 128, 4)),
    "Q4_1 by block sums": with_block_sums,
    "exact": product_in(None),
    "int8x1": product_in(Rows(1)),
    "int8x2": product_in(Rows(2)),
    "int8x2, known limit": product_in(Rows(2), limited=True),
    "one scale for all": one_scale_for_all,
    "constant scale": constant_scale,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=SHAPES, default="smollm2")
    parser.add_argument("--tokens", type=int, nargs="+", default=[1, 2, 8, 128])
    parser.add_argument("--threads", type=int, default=usable_cores())
    arguments = parser.parse_args()
    groups, layers = SHAPES[arguments.model], LAYERS[arguments.model]
    with tempfile.TemporaryDirectory() as scratch:
        for tokens in arguments.tokens:
            print(f"\n| {tokens} tokens, {arguments.threads} threads, µs | {' | '.join(groups)} | all layers, ms |")
            print("|---" * (len(groups) + 2) + "|")
            columns = [
                _column(shapes, layers, tokens, arguments.threads, Path(scratch, f"{tokens}.{at}"))
                for at, shapes in enumerate(groups.values())
            ]
            for way in WAYS:
                cells = [column[way] * 1e6 for column in columns]
                print(f"| {way} | {' | '.join(f'{cell:,.0f}' for cell in cells)} | {sum(cells) * layers / 1e3:,.1f} |")


def _column(shapes: Sequence[Shape], layers: int, tokens: int, threads: int, folder: Path) -> dict[str, float]:
    folder.mkdir()
    made = {
        way: Products(shapes, write, folder / str(at), layers=layers, session=session_options(threads))
        for at, (way, write) in enumerate(WAYS.items())
    }
    return timed_in_turns(made, tokens, SystemClock())


if __name__ == "__main__":
    main()
