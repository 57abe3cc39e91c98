"""What a format costs on this machine: the time of its products at the model's own shapes, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Format
from edge_agent.slm.convert.tensors import ExternalTensors
from edge_agent.slm.session import session_options
from orchestrator.ports import Clock

#: Tokens of a pass that reads a prompt; one that writes has one.
READ_TOKENS: Final = 128
# Several layers, as a pass meets them, so that none is still in a core's own cache when its turn comes again.
_WEIGHTS = 12_000_000
_ROUNDS = 9
# The limit of a normed row of a usual model, in its own unit.
_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one group in one layer.

    Attributes:
        write_s: seconds of a pass over one token.
        read_s: seconds of a pass over `READ_TOKENS`.
        bytes: of its weights.
    """

    write_s: float
    read_s: float
    bytes: int


class _Products:
    """The products of one group in one format, several copies of them in a session."""

    def __init__(
        self, shapes: Sequence[tuple[int, int]], fmt: Format, folder: Path, *, layers: int, limited: bool, threads: int
    ) -> None:
        folder.mkdir()
        rng = np.random.default_rng(0)
        whole = sum(rows * columns for rows, columns in shapes)
        self._copies = min(layers, 1 + _WEIGHTS // whole)
        with ExternalTensors(folder / "model.onnx.data") as store:
            nodes, outputs = Nodes(store), []
            for copy in range(self._copies):
                hidden = nodes.op("Identity", ["x"], f"x.{copy}")  # rounded anew in each layer
                if limited:
                    nodes.limit(hidden, _LIMIT)
                for index, shape in enumerate(shapes):
                    weights = rng.standard_normal(shape, np.float32)
                    name = f"y.{copy}.{index}"
                    nodes.multiply(name, hidden, nodes.matrix(f"m.{copy}.{index}", weights, fmt))
                    outputs.append(name)
        self.bytes = (folder / "model.onnx.data").stat().st_size // self._copies
        self._columns = shapes[0][1]
        graph = _saved(nodes, outputs, self._columns, folder)
        self._session = InferenceSession(str(graph), session_options(threads), providers=["CPUExecutionProvider"])
        self._outputs = [(name, shapes[at % len(shapes)][0]) for at, name in enumerate(outputs)]

    def prepared(self, tokens: int) -> Iterator[None]:
        """Each step runs all copies once over `tokens` rows."""
        binding = self._session.io_binding()
        x = np.random.default_rng(1).standard_normal((1, tokens, self._columns), np.float32)
        binding.bind_cpu_input("x", x)
        buffers: dict[int, NDArray[np.float32]] = {}
        for name, rows in self._outputs:
            buffer = buffers.setdefault(rows, np.empty((1, tokens, rows), np.float32))
            binding.bind_output(name, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)
        while True:
            yield self._session.run_with_iobinding(binding)

    def per_copy(self, seconds: float) -> float:
        """The share of one copy in a run."""
        return seconds / self._copies


def measure_costs(
    shapes: Sequence[tuple[int, int]],
    candidates: Sequence[Format],
    scratch: Path,
    *,
    layers: int,
    limited: bool,
    threads: int,
    clock: Clock,
) -> dict[Format, Cost]:
    """Time the products of a group in each format, in turns, so that whatever else the machine does hits them alike.

    Args:
        shapes: of the group's matrices in one layer, `(out, in)`.
        candidates: the formats.
        scratch: an empty folder.
        layers: how many there are.
        limited: whether the graph knows how large their input can become.
        threads: of one operator.
    """
    made = {
        fmt: _Products(shapes, fmt, scratch / str(at), layers=layers, limited=limited, threads=threads)
        for at, fmt in enumerate(candidates)
    }
    write, read = (_timed(made, tokens, clock) for tokens in (1, READ_TOKENS))
    return {fmt: Cost(write[fmt], read[fmt], products.bytes) for fmt, products in made.items()}


def _timed(made: dict[Format, _Products], tokens: int, clock: Clock) -> dict[Format, float]:
    """Seconds of one layer's products: the median ratio to the first format, times that one's median."""
    runs = {fmt: products.prepared(tokens) for fmt, products in made.items()}
    for run in runs.values():
        next(run)
    times: dict[Format, list[float]] = {fmt: [] for fmt in runs}
    for _ in range(_ROUNDS):
        for fmt, run in runs.items():
            before = clock.monotonic()
            next(run)
            times[fmt].append(made[fmt].per_copy(clock.monotonic() - before))
    first = next(iter(times.values()))
    base = median(first)
    return {
        fmt: base * median(ours / theirs for ours, theirs in zip(taken, first, strict=True))
        for fmt, taken in times.items()
    }


def _saved(nodes: Nodes, outputs: Sequence[str], columns: int, folder: Path) -> Path:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "tokens", columns])]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(nodes.graph("products", inputs, results), opset_imports=opsets, ir_version=10)
    onnx.save_model(model, folder / "model.onnx")
    return folder / "model.onnx"
