"""Graphs of nothing but attention, in several ways, for `benchmarks.attention`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.tensors import InlineTensors

_FUSED = "GroupQueryAttention"
_POSITIONS = 4096


@dataclass(frozen=True, slots=True)
class Shape:
    """The attention of a model."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int

    @property
    def widths(self) -> list[int]:
        """Of queries, keys and values."""
        keys = self.kv_heads * self.head_dim
        return [self.heads * self.head_dim, keys, keys]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to compute attention.

    Attributes:
        operator: that does it.
        cache_type: of keys and values.
        sink: whether heads have a sink, so that they are computed in one piece.
        unscaled: whether the factor of the scores is 1, as if it were in the weights.
        one_row: whether it is made for passes over one token only.
    """

    name: str
    operator: str = _FUSED
    cache_type: int = TensorProto.FLOAT
    sink: bool = False
    unscaled: bool = False
    one_row: bool = False


WAYS = (
    Way("fused operator as it is"),
    Way("in one piece", sink=True),
    Way("in one piece, factor in the weights (shipped)", sink=True, unscaled=True),
    Way("8-bit cache", cache_type=TensorProto.INT8),
    Way("8-bit cache, in one piece", cache_type=TensorProto.INT8, sink=True),
    Way("16-bit cache", cache_type=TensorProto.FLOAT16),
    Way("plain operators, queries of a group together", operator="MatMul", one_row=True),
    Way("ONNX Attention 24 and TensorScatter", operator="Attention"),
)


def attention_graph(way: Way, shape: Shape) -> onnx.ModelProto:
    """Layers of attention, each over the rows that the one before it made.

    Inputs: `rows` float32 `[1, S, (heads + 2 * kv_heads) * head_dim]`, lengths and positions as the way needs them, and
    `past.N`, keys and values in turn, `[1, kv_heads, capacity, head_dim]`. Outputs: `mixed`, like `rows`; `present.N`.
    """
    return _Graph(way, shape).build()


class _Graph:
    def __init__(self, way: Way, shape: Shape) -> None:
        self._way = way
        self._shape = shape
        self._nodes = Nodes(InlineTensors())
        self._half = way.operator == _FUSED and way.cache_type == TensorProto.FLOAT16

    def build(self) -> onnx.ModelProto:
        self._constants()
        shape, rows = self._shape, "rows"
        for layer in range(shape.layers):
            mixed = self._fused(layer, rows) if self._way.operator == _FUSED else self._apart(layer, rows)
            kept = self._nodes.op("Slice", ["rows", "queries", "all", "axis"], f"{layer}.kept")
            rows = "mixed" if layer == shape.layers - 1 else f"{layer}.rows"
            self._nodes.op("Concat", [mixed, kept], rows, axis=2)
        self._nodes.discard_unused()
        graph = self._nodes.graph("attention", self._inputs(), self._outputs())
        opsets = [helper.make_opsetid("", 24), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=11)

    def _constants(self) -> None:
        shape, nodes, kind = self._shape, self._nodes, np.float16 if self._half else np.float32
        angles = np.outer(np.arange(_POSITIONS), 1e5 ** -(np.arange(0, shape.head_dim, 2) / shape.head_dim))
        nodes.weight("cos", np.cos(angles).astype(kind))
        nodes.weight("sin", np.sin(angles).astype(kind))
        nodes.weight("no_sink", np.full(shape.heads, -1e30, np.float32))
        nodes.weight("scales", np.full(shape.kv_heads * shape.head_dim, 0.05, np.float32))
        group = shape.heads // shape.kv_heads
        for name, value in {
            "queries": [shape.widths[0]],
            "all": [np.iinfo(np.int64).max],
            "axis": [2],
            "zero": [0],
            "widths": shape.widths,
            "heads": [1, -1, shape.heads, shape.head_dim],
            "kv_heads": [1, -1, shape.kv_heads, shape.head_dim],
            "groups": [1, shape.kv_heads, group, shape.head_dim],
            "flat": [1, -1, shape.widths[0]],
        }.items():
            nodes.constant(name, value)

    def _fused(self, layer: int, rows: str) -> str:
        """All in one operator."""
        way, op = self._way, self._nodes.op
        if self._half:
            rows = op("Cast", [rows], f"{layer}.half", to=TensorProto.FLOAT16)
        attributes: dict[str, float | int | str] = {
            "num_heads": self._shape.heads,
            "kv_num_heads": self._shape.kv_heads,
        }
        if way.unscaled:
            attributes["scale"] = 1.0
        scales = ["", ""]
        if way.cache_type == TensorProto.INT8:
            attributes |= {"k_quant_type": "PER_CHANNEL", "v_quant_type": "PER_CHANNEL", "kv_cache_bit_width": 8}
            scales = ["scales", "scales"]
        past = [f"past.{2 * layer}", f"past.{2 * layer + 1}"]
        present = [f"present.{2 * layer}", f"present.{2 * layer + 1}"]
        lengths = ["last", "total", "cos", "sin", "positions", "", "no_sink" if way.sink else ""]
        inputs = [rows, "", "", *past, *lengths, *scales]
        mixed = op(_FUSED, inputs, f"{layer}.mixed", *present, domain=MICROSOFT, do_rotary=1, **attributes)
        return op("Cast", [mixed], f"{layer}.single", to=TensorProto.FLOAT) if self._half else mixed

    def _apart(self, layer: int, rows: str) -> str:
        """Rotation, appending and products apart."""
        op, shape = self._nodes.op, self._shape
        queries, keys, values = (f"{layer}.{part}" for part in ("q", "k", "v"))
        op("Split", [rows, "widths"], queries, keys, values, axis=-1)
        rotary = ["cos", "sin", "positions"]
        turned = op("RotaryEmbedding", [queries, *rotary], f"{queries}.turned", num_heads=shape.heads)
        keys = op("RotaryEmbedding", [keys, *rotary], f"{keys}.turned", num_heads=shape.kv_heads)
        caches = []
        for index, part in enumerate((keys, values), 2 * layer):
            apart = self._by_head(part, "kv_heads")
            caches.append(op("TensorScatter", [f"past.{index}", apart, "past"], f"present.{index}"))
        if self._way.operator == "Attention":
            inputs = [self._by_head(turned, "heads"), *caches, "", "", "", "end"]
            mixed = op("Transpose", [op("Attention", inputs, f"{layer}.a")], f"{layer}.t", perm=[0, 2, 1, 3])
        else:
            mixed = self._products(layer, op("Reshape", [turned, "groups"], f"{layer}.groups"), caches)
        return op("Reshape", [mixed, "flat"], f"{layer}.mixed")

    def _by_head(self, rows: str, shape: str) -> str:
        apart = self._nodes.op("Reshape", [rows, shape], f"{rows}.apart")
        return self._nodes.op("Transpose", [apart], f"{rows}.heads", perm=[0, 2, 1, 3])

    def _products(self, layer: int, queries: str, caches: list[str]) -> str:
        """Two small products for each group of heads; of one row, so that nothing is masked."""
        op = self._nodes.op
        keys, values = (op("Slice", [cache, "zero", "end", "axis"], f"{cache}.{layer}.held") for cache in caches)
        alpha = self._shape.head_dim**-0.5
        scores = op("FusedMatMul", [queries, keys], f"{layer}.scores", domain=MICROSOFT, transB=1, alpha=alpha)
        return op("MatMul", [op("Softmax", [scores], f"{layer}.softmax", axis=-1), values], f"{layer}.product")

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        known: dict[str, tuple[int, list[int | str]]] = {
            "rows": (TensorProto.FLOAT, [1, "S", sum(self._shape.widths)]),
            "positions": (TensorProto.INT64, [1, "S"]),
        }
        if self._way.operator == _FUSED:
            known |= {"last": (TensorProto.INT32, [1]), "total": (TensorProto.INT32, [])}
        else:
            known |= {"past": (TensorProto.INT64, [1]), "end": (TensorProto.INT64, [1])}
        values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in known.items()]
        return values + self._caches("past")

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        width = sum(self._shape.widths)
        return [helper.make_tensor_value_info("mixed", TensorProto.FLOAT, [1, "S", width]), *self._caches("present")]

    def _caches(self, name: str) -> list[onnx.ValueInfoProto]:
        shape: list[int | str] = [1, self._shape.kv_heads, "C", self._shape.head_dim]
        count = 2 * self._shape.layers
        return [helper.make_tensor_value_info(f"{name}.{i}", self._way.cache_type, shape) for i in range(count)]
