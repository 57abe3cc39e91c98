"""What a format costs on this machine: the time of its products at the model's own shapes, and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime import InferenceSession, SessionOptions

from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Format
from edge_agent.slm.convert.tensors import ExternalTensors
from edge_agent.slm.session import session_options
from orchestrator.ports import Clock

#: Tokens of a pass that reads a prompt; one that writes has one.
READ_TOKENS: Final = 128
Shape = tuple[int, int]
#: Writes a product: the nodes, the name of its input, the name of its output, `(out, in)`; returns that name.
Write = Callable[[Nodes, str, str, Shape], str]
Key = TypeVar("Key", bound=Hashable)
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


class Products:
    """The products of one group, written in one way, for several layers in one session."""

    def __init__(
        self, shapes: Sequence[Shape], write: Write, folder: Path, *, layers: int, session: SessionOptions
    ) -> None:
        """Args:
        shapes: of the group's matrices in one layer, `(out, in)`; all have the same `in`.
        write: writes one of the products.
        folder: to make the graph in; must not be there yet.
        layers: how many the model has.
        session: how the graph is run.
        """
        folder.mkdir()
        self._copies = min(layers, 1 + _WEIGHTS // sum(rows * columns for rows, columns in shapes))
        self._columns = shapes[0][1]
        self._outputs: list[tuple[str, int]] = []
        with ExternalTensors(folder / "model.onnx.data") as store:
            nodes = Nodes(store)
            for copy in range(self._copies):
                hidden = nodes.op("Identity", ["x"], f"x.{copy}")  # rounded anew in each layer
                for index, shape in enumerate(shapes):
                    name = write(nodes, hidden, f"y.{copy}.{index}", shape)
                    self._outputs.append((name, shape[0]))
        self.bytes = (folder / "model.onnx.data").stat().st_size // self._copies
        graph = self._saved(nodes, folder)
        self._session = InferenceSession(str(graph), session, providers=["CPUExecutionProvider"])

    def _saved(self, nodes: Nodes, folder: Path) -> Path:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "tokens", self._columns])]
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name, _ in self._outputs]
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(nodes.graph("products", inputs, results), opset_imports=opsets, ir_version=10)
        onnx.save_model(model, folder / "model.onnx")
        return folder / "model.onnx"

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
    shapes: Sequence[Shape],
    candidates: Sequence[Format],
    scratch: Path,
    *,
    layers: int,
    limited: bool,
    threads: int,
    clock: Clock,
) -> dict[Format, Cost]:
    """Time the products of a group in each format.

    Args:
        shapes: of the group's matrices in one layer, `(out, in)`.
        candidates: the formats.
        scratch: an empty folder.
        layers: how many there are.
        limited: whether the graph knows how large their input can become.
        threads: of one operator.
    """
    session = session_options(threads)
    made = {
        fmt: Products(shapes, product_in(fmt, limited=limited), scratch / str(at), layers=layers, session=session)
        for at, fmt in enumerate(candidates)
    }
    write, read = (timed_in_turns(made, tokens, clock) for tokens in (1, READ_TOKENS))
    return {fmt: Cost(write[fmt], read[fmt], products.bytes) for fmt, products in made.items()}


def product_in(fmt: Format, *, limited: bool = False) -> Write:
    """Writes a product with random weights as a decoder's graph has it."""

    def write(nodes: Nodes, hidden: str, name: str, shape: Shape) -> str:
        if limited:
            nodes.limit(hidden, _LIMIT)
        weights = np.random.default_rng(0).standard_normal(shape, np.float32)
        return nodes.multiply(name, hidden, nodes.matrix(f"{name}.weight", weights, fmt))

    return write


def timed_in_turns(made: Mapping[Key, Products], tokens: int, clock: Clock) -> dict[Key, float]:
    """Seconds of one layer's products over `tokens` rows: the median ratio to the first way, times its median.

    All take turns, so that whatever else the machine does hits them alike.
    """
    runs = {key: products.prepared(tokens) for key, products in made.items()}
    for run in runs.values():
        next(run)
    times: dict[Key, list[float]] = {key: [] for key in runs}
    for _ in range(_ROUNDS):
        for key, run in runs.items():
            before = clock.monotonic()
            next(run)
            times[key].append(made[key].per_copy(clock.monotonic() - before))
    first = next(iter(times.values()))
    base = median(first)
    return {
        key: base * median(ours / theirs for ours, theirs in zip(taken, first, strict=True))
        for key, taken in times.items()
    }
