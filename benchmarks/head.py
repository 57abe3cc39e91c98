"""Can most of the head be left out? How many of its rows an exact answer needs, by three bounds.

`python -m benchmarks.head [--model NAME] [--json]` takes the hidden states behind the tokens of this project's pages
and asks, for the greedy token alone, which rows of the head could still win. A row can be left out if a bound proves
that it loses:

- 4-bit screening, and 8 bits for what is left: an error is at most |hidden| * |row - its 4 bits| (Cauchy and Schwarz);
- a vocabulary cut down to what the pages use: a row outside gives at most |hidden| * |row|;
- the same with the rows outside in clusters: none gives more than hidden @ centre + |hidden| * radius.

An exact distribution, which sampling and log-probabilities are made of, needs more rows than the greedy token.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.convert.quantize import dequantize, quantize
from edge_agent.slm.convert.recipe import Blocks
from edge_agent.slm.pull import original_file
from edge_agent.slm.tokenizer import Tokenizer

Floats = npt.NDArray[np.float32]
_ROOT = Path(__file__).parents[1]
_PAGES = ("README.md", "docs/architecture.md", "docs/serve.md", "LICENSE")
_PAGE_TOKENS = 256
_CLUSTERS = 512


@dataclass(frozen=True, slots=True)
class Need:
    """What one way of leaving rows out comes to.

    Attributes:
        rows: that have to be computed in 8 bits in spite of the bound, the median over all tokens.
        share: of all rows.
        without_bound: how often the rows that the cheap way would take hold the greedy token, nothing proven.
    """

    way: str
    rows: int
    share: float
    without_bound: float


def needs(hidden: Floats, head: Floats, corpus: npt.NDArray[np.int64]) -> list[Need]:
    """Args:
    hidden: `[tokens, width]`, as they come to the head.
    head: `[vocabulary, width]`.
    corpus: the token ids that a text uses.
    """
    eight, four = (dequantize(quantize(head, fmt), fmt, head.shape[1]) for fmt in (Blocks(8, 32, 4), Blocks(4, 32, 4)))
    logits, size = hidden @ eight.T, np.linalg.norm(hidden, axis=1, keepdims=True)
    greedy = logits.argmax(axis=1)
    screened = hidden @ four.T
    unsure = size * np.linalg.norm(eight - four, axis=1)
    left = (screened + unsure >= (screened - unsure).max(axis=1, keepdims=True)).sum(axis=1)
    first = np.argpartition(-screened, 32, axis=1)[:, :32]
    found = [_need("4-bit screening", left, len(head), (first == greedy[:, None]).any(axis=1))]
    used = np.unique(corpus)
    outside = np.setdiff1d(np.arange(len(head)), used)
    best, inside = logits[:, used].max(axis=1, keepdims=True), np.isin(greedy, used)
    possible = size * np.linalg.norm(eight[outside], axis=1) >= best
    found.append(_need("vocabulary cut down", len(used) + possible.sum(axis=1), len(head), inside))
    centres, cluster, radius = _clusters(eight[outside])
    open_clusters = hidden @ centres.T + size * radius >= best
    left = open_clusters @ np.bincount(cluster, minlength=len(centres)) + len(used)
    found.append(_need("vocabulary cut down, clusters outside", left, len(head), inside))
    return found


def _need(way: str, rows: npt.NDArray[np.int64], vocabulary: int, held: npt.NDArray[np.bool_]) -> Need:
    median = int(np.median(rows))
    return Need(way, median, median / vocabulary, float(held.mean()))


def _clusters(rows: Floats) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Centres, the cluster of each row, and how far its furthest row is from each centre (Lloyd's algorithm)."""
    centres = rows[np.random.default_rng(0).choice(len(rows), min(_CLUSTERS, len(rows)), replace=False)]
    for _ in range(5):
        cluster = (rows @ centres.T - (centres**2).sum(axis=1) / 2).argmax(axis=1)
        for index in np.unique(cluster):
            centres[index] = rows[cluster == index].mean(axis=0)
    radius = np.zeros(len(centres), np.float32)
    np.maximum.at(radius, cluster, np.linalg.norm(rows - centres[cluster], axis=1))
    return centres, cluster, radius


def _states(folder: Path, texts: Sequence[str]) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """The hidden states behind each token of `texts`, the head, and all token ids, of a model in full precision."""
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    ids = [tokenizer.encode(text) for text in texts]
    model = onnx.load(folder / "model.onnx")
    product = next(node for node in model.graph.node if "logits" in node.output)
    head = numpy_helper.to_array(next(each for each in model.graph.initializer if each.name == product.input[1]))
    model.graph.output.append(helper.make_tensor_value_info(product.input[0], TensorProto.FLOAT, None))
    onnx.save(model, folder / "hidden.onnx", save_as_external_data=True, location="hidden.data")
    session = onnxruntime.InferenceSession(folder / "hidden.onnx", providers=["CPUExecutionProvider"])
    caches = {
        value.name: np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)
        for value in session.get_inputs()
        if value.name.startswith("past_key_values")
    }
    hidden = []
    for row in ids:
        row = row[:_PAGE_TOKENS]
        feeds = {
            "input_ids": np.array([row]),
            "attention_mask": np.ones((1, len(row)), np.int64),
            "position_ids": np.arange(len(row))[None],
            "num_logits_to_keep": np.array(0),
        }
        hidden.append(session.run([product.input[0]], feeds | caches)[0][0])
    return np.concatenate(hidden), head, np.concatenate(ids)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one model and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.head", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="a catalog name, pulled where it is missing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    texts = [(_ROOT / page).read_text(encoding="utf-8") for page in _PAGES]
    with tempfile.TemporaryDirectory() as beside:
        convert(original_file(options.model), Path(beside, "exact"), recipe="exact")
        found = needs(*_states(Path(beside, "exact"), texts))
    if options.json:
        print(json.dumps([asdict(need) for need in found], indent=2))
        return
    print("| way | rows left to compute, median | of all | greedy token among the first, nothing proven |")
    print("|---|---|---|---|")
    for need in found:
        print(f"| {need.way} | {need.rows:,} | {need.share:.1%} | {need.without_bound:.1%} |")


if __name__ == "__main__":
    main()
