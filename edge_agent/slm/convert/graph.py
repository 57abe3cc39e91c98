"""The decoder as an ONNX graph of ONNX Runtime's fused operators.

Each layer is: root-mean-square norm, one product for queries, keys and values together, `GroupQueryAttention` (which
also rotates and appends to the KV cache), the output product, norm, and the gated feed-forward. The sums between them
are part of the norms (`SkipSimplifiedLayerNormalization`). What a family has beyond that is in its `DecoderConfig`.

Inputs (B sequences of S new tokens after P cached ones, T = P + S):

- `input_ids`, `position_ids` int64 `[B, S]`; `attention_mask` int64 `[B, T]`, ones, with zeros only at the right end;
  columns that are zero for all sequences are spare places (`attention.Attention`), for which presents need room;
- `num_logits_to_keep` int64 scalar: only that many last rows go through the head; 0 means all of them;
- `past_key_values.N.key|value` float32 `[B, kv_heads, P, stored]`, `stored` being the head size, or the next multiple
  of 16 (`heads.HeadLayout`).

Outputs: `logits` float32 `[B, kept, vocab_size]` and `present.N.key|value`. A past and its present may be bound to one
buffer that is longer than T: the operator then writes in place. The metadata entry `edgewise.shared_kv` says so,
and `edgewise.spare_place` that the mask may have a spare column.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_agent.slm.convert.attention import Attention
from edge_agent.slm.convert.config import DecoderConfig, FloatArray, Weights
from edge_agent.slm.convert.feed_forward import FeedForward
from edge_agent.slm.convert.integer_product import norm_limit
from edge_agent.slm.convert.nodes import MICROSOFT, Matrix, Nodes
from edge_agent.slm.convert.recipe import Recipe
from edge_agent.slm.convert.tensors import InlineTensors, TensorStore

# Versions that ONNX Runtime has read since 1.20.
_OPSET, _IR_VERSION = 21, 10


def build_decoder(
    config: DecoderConfig,
    weights: Weights,
    recipe: Recipe,
    store: TensorStore | None = None,
    inputs: Mapping[str, FloatArray] = MappingProxyType({}),
) -> onnx.ModelProto:
    """The graph of a decoder.

    Args:
        config: its shape.
        weights: its weights by hub name; each is asked for once, layer by layer.
        recipe: the format of each group of matrices.
        store: where the weights go; inside the graph by default.
        inputs: for a calibrated recipe, what `calibration.observe_inputs` found.

    Raises:
        KeyError: a weight is missing.
    """
    return _DecoderGraph(config, weights, recipe, Nodes(store or InlineTensors(), inputs)).build()


class _DecoderGraph:
    def __init__(self, config: DecoderConfig, weights: Weights, recipe: Recipe, nodes: Nodes) -> None:
        self._config = config
        self._weights = weights
        self._recipe = recipe
        self._nodes = nodes
        self._attention = Attention(config, weights, recipe, nodes)
        self._feed_forward = FeedForward(config, weights, recipe, nodes)

    def build(self) -> onnx.ModelProto:
        self._attention.prepare()
        embedding = self._embedding()
        hidden, change = self._embedded(embedding), ""
        for layer in range(self._config.layers):
            hidden, change = self._layer(layer, hidden, change)
        hidden, _ = self._norm("model.norm", hidden, change)
        self._project_to_logits(hidden, embedding)
        self._nodes.discard_unused()
        graph = self._nodes.graph("decoder", self._inputs(), self._outputs())
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, producer_name="edgewise", opset_imports=opsets, ir_version=_IR_VERSION)
        helper.set_model_props(
            model, {"edgewise.shared_kv": "1", "edgewise.spare_place": "1", "edgewise.recipe": self._recipe.name}
        )
        return model

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        ids: dict[str, list[str | int]] = {
            "input_ids": ["batch", "sequence"],
            "attention_mask": ["batch", "total_sequence"],
            "position_ids": ["batch", "sequence"],
            "num_logits_to_keep": [],
        }
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in ids.items()]
        return inputs + self._cache("past_key_values", "past_sequence")

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        shape: list[str | int] = ["batch", "kept", self._config.vocab_size]
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
        return [logits, *self._cache("present", "present_sequence")]

    def _cache(self, name: str, length: str) -> list[onnx.ValueInfoProto]:
        stored = self._config.head_layout.stored
        shape: list[str | int] = ["batch", self._config.kv_heads, length, stored]
        return [
            helper.make_tensor_value_info(f"{name}.{layer}.{part}", TensorProto.FLOAT, shape)
            for layer in range(self._config.layers)
            for part in ("key", "value")
        ]

    def _embedding(self) -> Matrix:
        name = "model.embed_tokens.weight"
        fmt = self._recipe.head if self._config.tied_head else self._recipe.embedding
        return self._nodes.matrix(name, self._weights[name], fmt)

    def _embedded(self, embedding: Matrix) -> str:
        """The embeddings of the tokens, float32 `[B, S, hidden_size]`."""
        if self._config.embedding_scale == 1:
            return self._nodes.look_up("embedding", "input_ids", embedding)
        scale = self._nodes.weight("embedding.scale", np.array(self._config.embedding_scale, np.float32))
        return self._nodes.op(
            "Mul", [self._nodes.look_up("embedding.plain", "input_ids", embedding), scale], "embedding"
        )

    def _layer(self, layer: int, hidden: str, change: str) -> tuple[str, str]:
        """One layer over the residual stream `hidden + change`; returns the two terms for the next one."""
        prefix = f"model.layers.{layer}"
        norms = (f"{prefix}.{name}" for name in self._config.norms)
        normed, hidden = self._norm(next(norms), hidden, change)
        change = self._attention.write(layer, normed)
        if self._config.branch_norms:
            change, _ = self._norm(next(norms), change, "")
        normed, hidden = self._norm(next(norms), hidden, change)
        change = self._feed_forward.write(f"{prefix}.mlp", normed)
        if self._config.branch_norms:
            change, _ = self._norm(next(norms), change, "")
        return hidden, change

    def _norm(self, name: str, hidden: str, change: str) -> tuple[str, str]:
        """The norm of `hidden + change`, and that sum (Zhang and Sennrich 2019, arXiv 1910.07467)."""
        op, epsilon = self._nodes.op, self._config.norm_epsilon
        factors = self._weights[f"{name}.weight"]
        gamma = self._nodes.weight(f"{name}.weight", factors)
        self._nodes.limit(name, norm_limit(factors))
        if not change:
            return op("SimplifiedLayerNormalization", [hidden, gamma], name, axis=-1, epsilon=epsilon), hidden
        total, outputs = f"{name}.sum", (name, "", "", f"{name}.sum")
        inputs = [hidden, change, gamma]
        return op("SkipSimplifiedLayerNormalization", inputs, *outputs, domain=MICROSOFT, epsilon=epsilon), total

    def _project_to_logits(self, hidden: str, embedding: Matrix) -> None:
        """The head over the last `num_logits_to_keep` rows: of a whole prompt only the last row is wanted."""
        op, axis = self._nodes.op, self._nodes.constant("axis.1", [1])
        start = op("Reshape", [op("Neg", ["num_logits_to_keep"], "keep.negative"), axis], "keep.start")
        end = self._nodes.constant("keep.end", [np.iinfo(np.int64).max])
        kept = op("Slice", [hidden, start, end, axis], "keep.hidden")
        head = embedding
        if not self._config.tied_head:
            head = self._nodes.matrix("lm_head.weight", self._weights["lm_head.weight"], self._recipe.head)
        self._nodes.multiply("logits", kept, head)
