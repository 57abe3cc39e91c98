"""Writes the nodes of a graph: operators, constants, and matrices in the formats of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.integer_product import RoundedRows, multiply_rounded, round_rows
from edge_agent.slm.convert.quantize import quantize, quantize_rows
from edge_agent.slm.convert.recipe import Format, Rows
from edge_agent.slm.convert.tensors import Array, TensorStore, alias

MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix `[rows, columns]` that the graph holds as the tensors `parts`: itself, or its integers and scales."""

    name: str
    rows: int
    columns: int
    fmt: Format
    parts: tuple[str, ...]


class Nodes:
    """Collects nodes and tensors. Each operator is named after its first output; outputs are what callers pass on."""

    def __init__(self, store: TensorStore, inputs: Mapping[str, FloatArray] = MappingProxyType({})) -> None:
        """Args:
        store: where weights go; constants of the graph's own stay inside it.
        inputs: by the name of a matrix, float32 `[tokens, in]`: what it is multiplied with on a calibration text, so
            that it can be rounded with regard to that. The others are rounded to the nearest.
        """
        self._store = store
        self._inputs = inputs
        self._limits: dict[str, float] = {}
        self._rounded: dict[tuple[str, int], RoundedRows] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._tensors: dict[str, TensorProto] = {}

    def graph(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Everything so far as a graph."""
        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._tensors.values()))

    def op(self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Add one operator; returns its first output."""
        self._nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def constant(self, name: str, value: int | list[int]) -> str:
        """An int64 constant."""
        self._tensors[name] = numpy_helper.from_array(np.array(value, np.int64), name)
        return name

    def number(self, name: str, value: float | list[list[float]]) -> str:
        """A float32 constant."""
        self._tensors[name] = numpy_helper.from_array(np.array(value, np.float32), name)
        return name

    def zero_point(self) -> str:
        """The byte that stands for 0 where activations are integers."""
        self._tensors["integers.zero"] = numpy_helper.from_array(np.array(128, np.uint8), "integers.zero")
        return "integers.zero"

    def limit(self, name: str, most: float) -> None:
        """Note that no element of the tensor `name` can have a larger magnitude than `most`."""
        self._limits[name] = most

    def weight(self, name: str, array: Array) -> str:
        """A weight as it is."""
        self._tensors[name] = self._store.add(name, array)
        return name

    def matrix(self, name: str, array: FloatArray, fmt: Format) -> Matrix:
        """A matrix `[out, in]` in the given format."""
        rows, columns = array.shape
        if fmt is None:
            return Matrix(name, rows, columns, fmt, (self.weight(name, array),))
        inputs = self._inputs.get(name)
        stored: Array
        if isinstance(fmt, Rows):
            kind, (stored, scales) = "int8", quantize_rows(array, inputs)
        else:
            kind, (stored, scales) = f"{fmt.bits}bit", quantize(array, fmt, inputs)
        parts = self.weight(f"{name}.{kind}", stored), self.weight(f"{name}.scales", scales)
        return Matrix(name, rows, columns, fmt, parts)

    def multiply(self, name: str, hidden: str, matrix: Matrix, bias: str = "") -> str:
        """`hidden @ matrix.T + bias`: float32 `[..., columns]` to `[..., rows]`."""
        fmt = matrix.fmt
        if fmt is None or isinstance(fmt, Rows):
            product = f"{name}.product" if bias else name
            if fmt is None:
                self.op("FusedMatMul", [hidden, *matrix.parts], product, domain=MICROSOFT, transB=1)
            else:
                multiply_rounded(self, product, self._rounded_rows(hidden, fmt), *matrix.parts)
            return self.op("Add", [product, bias], name) if bias else name
        return self.op(
            "MatMulNBits",
            [hidden, *matrix.parts, "", "", bias] if bias else [hidden, *matrix.parts],
            name,
            domain=MICROSOFT,
            K=matrix.columns,
            N=matrix.rows,
            bits=fmt.bits,
            block_size=fmt.size,
            accuracy_level=fmt.accuracy_level,
        )

    def look_up(self, name: str, ids: str, matrix: Matrix) -> str:
        """The rows of `matrix` that `ids` (int64, any shape) name: float32 `[..., columns]`."""
        fmt = matrix.fmt
        assert not isinstance(fmt, Rows), "a look-up reads blocks"
        if fmt is None:
            return self.op("Gather", [*matrix.parts, ids], name, axis=0)
        packed, scales = matrix.parts
        rows, blocks, width = self._tensors[packed].dims
        # The bytes that `multiply` reads (a tied head shares them), in the shape that this operator wants.
        flat = f"{packed}.rows"
        self._tensors[flat] = alias(self._tensors[packed], flat, (rows, blocks * width))
        padded = matrix.columns % fmt.size != 0
        found = self.op(
            "GatherBlockQuantized",
            [flat, ids, scales],
            f"{name}.padded" if padded else name,
            domain=MICROSOFT,
            bits=fmt.bits,
            block_size=fmt.size,
            gather_axis=0,
            quantize_axis=1,
        )
        if not padded:
            return found
        zero, end = self.constant(f"{name}.start", [0]), self.constant(f"{name}.end", [matrix.columns])
        return self.op("Slice", [found, zero, end, self.constant(f"{name}.axis", [-1])], name)

    def _rounded_rows(self, hidden: str, fmt: Rows) -> RoundedRows:
        """`hidden` as integers, rounded once for all the matrices that it is multiplied with."""
        key = hidden, fmt.terms
        if key not in self._rounded:
            self._rounded[key] = round_rows(self, hidden, fmt.terms, self._limits.get(hidden))
        return self._rounded[key]

    def discard_unused(self) -> None:
        """Forget tensors that no node reads, as the three-dimensional shape of an untied embedding."""
        read = {name for node in self._nodes for name in node.input}
        self._tensors = {name: tensor for name, tensor in self._tensors.items() if name in read}
