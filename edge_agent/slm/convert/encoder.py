"""A sentence encoder of BERT's kind as an ONNX graph that multiplies in integers.

The encoder is BERT's (Devlin et al. 2019, arXiv 1810.04805). Published graphs of it compute in float32, even where they
store eight bits. Here each token's activations are rounded to eight bits with a scale of their own (`integer_product`),
so that a text's vector does not depend on what is embedded beside it, and takes half the time.

Inputs: `input_ids` and `attention_mask`, int64 `[B, S]`; the mask is 1 for tokens and 0 for padding at the right end.
Output: `last_hidden_state` float32 `[B, S, hidden]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Blocks, Format, Rows, TableFormat
from edge_agent.slm.convert.safetensors_files import SafetensorsFiles
from edge_agent.slm.convert.tensors import InlineTensors
from orchestrator.errors import ModelUnsupported

_HEADS: Final = 12
"""Of every encoder of this kind with up to 768 dimensions: BERT base, MiniLM, E5, BGE and GTE, small and base."""
_EPSILON: Final = 1e-12
_MASKED: Final = -1e4
_OPSET, _IR_VERSION = 21, 10


def convert_encoder(checkpoint: Path, graph: Path, *, exact: bool = False) -> None:
    """Write the encoder in the folder `checkpoint`, as `model.safetensors`, to the file `graph`.

    Args:
        checkpoint: holds BERT's tensors by their hub names.
        graph: the ONNX file to write.
        exact: keep float32, to compare with.

    Raises:
        ModelCorrupt: the file is damaged.
        ModelUnsupported: it is no encoder of this kind.
    """
    tensors = SafetensorsFiles(checkpoint)
    weights = {name: tensors.read(name, slice(None)) for name in tensors.shapes if name.endswith((".weight", ".bias"))}
    onnx.save_model(build_encoder(weights, exact=exact), graph)


def build_encoder(weights: dict[str, FloatArray], *, exact: bool = False) -> onnx.ModelProto:
    """The graph; arguments and errors as `convert_encoder`."""
    fmt, table = (None, None) if exact else (Rows(terms=1), Blocks(bits=8, size=32, accuracy_level=4))
    try:
        return _EncoderGraph(weights, fmt, table).build()
    except KeyError as error:
        raise ModelUnsupported(
            f"the checkpoint has no tensor {error.args[0]!r}: it is no encoder of BERT's kind",
            remedy="use a model such as all-minilm-l6-v2",
        ) from None


class _EncoderGraph:
    def __init__(self, weights: dict[str, FloatArray], fmt: Format, table: TableFormat) -> None:
        self._weights = weights
        self._format = fmt
        self._table = table
        self._nodes = Nodes(InlineTensors())

    def build(self) -> onnx.ModelProto:
        op, nodes = self._nodes.op, self._nodes
        shown = op("Cast", ["attention_mask"], "mask.shown", to=TensorProto.FLOAT)
        hidden_share = op("Sub", [nodes.number("one", 1.0), shown], "mask.hidden")
        masked = op("Mul", [hidden_share, nodes.number("masked", _MASKED)], "mask.scores")
        mask = op("Unsqueeze", [masked, nodes.constant("mask.axes", [1, 2])], "mask")
        hidden, layer = self._embedded(), 0
        while f"encoder.layer.{layer}.output.dense.weight" in self._weights:
            hidden = self._layer(f"encoder.layer.{layer}", hidden, mask)
            layer += 1
        op("Identity", [hidden], "last_hidden_state")
        nodes.discard_unused()
        size = self._weights["embeddings.LayerNorm.weight"].size
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", size])
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        graph = nodes.graph("encoder", inputs, [output])
        return helper.make_model(graph, producer_name="edgewise", opset_imports=opsets, ir_version=_IR_VERSION)

    def _embedded(self) -> str:
        """Of each token its word, its place, and that it is of the first sentence: there is only one."""
        op, nodes = self._nodes.op, self._nodes
        name = "embeddings.word_embeddings.weight"
        words = nodes.look_up("words", "input_ids", nodes.matrix(name, self._weights[name], self._table))
        first = self._weights["embeddings.token_type_embeddings.weight"][0]
        places = nodes.weight("places", self._weights["embeddings.position_embeddings.weight"] + first)
        length = op("Shape", ["input_ids"], "length", start=1, end=2)
        zero = nodes.constant("zero", [0])
        own = op("Slice", [places, zero, length, zero], "places.own")
        return self._norm("embeddings", op("Add", [words, own], "embeddings.sum"))

    def _layer(self, name: str, hidden: str, mask: str) -> str:
        op = self._nodes.op
        context = self._attention(f"{name}.attention", hidden, mask)
        change = self._dense(f"{name}.attention.output.dense", context)
        hidden = self._norm(f"{name}.attention.output", op("Add", [change, hidden], f"{name}.attention.sum"))
        wide = op("Gelu", [self._dense(f"{name}.intermediate.dense", hidden)], f"{name}.gelu", domain=MICROSOFT)
        change = self._dense(f"{name}.output.dense", wide)
        return self._norm(f"{name}.output", op("Add", [change, hidden], f"{name}.sum"))

    def _attention(self, name: str, hidden: str, mask: str) -> str:
        """Softmax of the scaled products, over `[B, heads, S, head size]`. The fused operator is slower here."""
        op, nodes = self._nodes.op, self._nodes
        query, key, value = (
            op(
                "Transpose",
                [op("Reshape", [self._dense(f"{name}.self.{part}", hidden), self._heads()], f"{name}.{part}.heads")],
                f"{name}.{part}",
                perm=[0, 2, 3, 1] if part == "key" else [0, 2, 1, 3],
            )
            for part in ("query", "key", "value")
        )
        size = self._weights[f"{name}.self.query.weight"].shape[0] // _HEADS
        scores = op("FusedMatMul", [query, key], f"{name}.scores", domain=MICROSOFT, alpha=size**-0.5)
        shares = op("Softmax", [op("Add", [scores, mask], f"{name}.masked")], f"{name}.shares", axis=-1)
        mixed = op("Transpose", [op("MatMul", [shares, value], f"{name}.mixed")], f"{name}.rows", perm=[0, 2, 1, 3])
        return op("Reshape", [mixed, nodes.constant("flat", [0, 0, -1])], f"{name}.context")

    def _heads(self) -> str:
        return self._nodes.constant("heads", [0, 0, _HEADS, -1])

    def _dense(self, name: str, hidden: str) -> str:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        matrix = self._nodes.matrix(f"{name}.weight", np.ascontiguousarray(weight), self._format)
        return self._nodes.multiply(name, hidden, matrix, self._nodes.weight(f"{name}.bias", bias))

    def _norm(self, name: str, hidden: str) -> str:
        gamma, beta = (
            self._nodes.weight(f"{name}.LayerNorm.{part}", self._weights[f"{name}.LayerNorm.{part}"])
            for part in ("weight", "bias")
        )
        return self._nodes.op("LayerNormalization", [hidden, gamma, beta], f"{name}.normed", axis=-1, epsilon=_EPSILON)
