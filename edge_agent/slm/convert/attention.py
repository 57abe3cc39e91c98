"""Grouped-query attention with rotary positions, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, LayerAttention, Weights
from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Recipe
from edge_agent.slm.convert.rotary import Rotary

# A head's sink: a score that joins its softmax. The exponential of this one is 0, so that nothing joins.
_NO_SINK = np.float32(-1e30)


class Attention:
    """Writes the attention of each layer, and once for all of them what they share.

    The operator multiplies a query with a key and a factor, `head_dim ** -.5` by default. It has a quick kernel for one
    query, which reads the keys where they lie, but only where the factor is 1; otherwise it rearranges all of them
    first. So the factor is part of the weights that make the queries: for heads of 64 it is a power of two, and the
    same bits come out.

    Heads with a sink are computed in one piece instead of block by block ("flash"): quicker as long as the scores of
    one head fit the processor's cache, as those of a decode pass and of a chunk of a prompt do. So heads have a sink
    that changes nothing. What both bring is in docs/profile.md.

    Still the kernels for one query and for several add up in another order, and rounded activations carry that on: a
    logit may differ by one. So the graph also attends from spare places, behind the last token, and drops what comes of
    them: as many as the attention mask has columns that no sequence reaches. With one of them no pass has a single
    query, and a token's logits are the same bits in a prompt, alone, in a batch and in a checked draft.
    """

    def __init__(self, config: DecoderConfig, weights: Weights, recipe: Recipe, nodes: Nodes) -> None:
        """Args:
        config: the decoder's shape.
        weights: its weights by hub name.
        recipe: the format of each group of matrices.
        nodes: where the nodes go.
        """
        self._config = config
        self._weights = weights
        self._recipe = recipe
        self._nodes = nodes
        self._layout = config.head_layout
        self._tables: dict[Rotary, tuple[str, str]] = {}

    def prepare(self) -> None:
        """Write the tables and lengths that all layers read; before the first `write`."""
        for layer in self._config.attention:
            if layer.rotary and layer.rotary not in self._tables:
                self._tables[layer.rotary] = self._rotary_tables(layer.rotary)
        self._sequence_lengths()
        self._spare_places()
        self._nodes.weight("attention.no_sink", np.full(self._config.heads, _NO_SINK))

    def write(self, layer: int, hidden: str) -> str:
        """Grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245) with its projections.

        Args:
            layer: its number, from 0.
            hidden: name of the normed hidden rows, float32 `[B, S, hidden_size]`.

        Returns:
            The name of the output, of the same shape.
        """
        prefix, kind = f"model.layers.{layer}.self_attn", self._config.attention[layer]
        past, present = f"past_key_values.{layer}", f"present.{layer}"
        queries_keys_values = self._queries_keys_values(prefix, hidden)
        if self._config.query_key_norms:
            queries_keys_values = self._normed(prefix, queries_keys_values[0])
        padded = [rows and self._nodes.op("Pad", [rows, "spare.pads"], f"{rows}.pad") for rows in queries_keys_values]
        rotary = [*self._tables[kind.rotary], "spare.positions"] if kind.rotary else ["", "", ""]
        lengths, bias = ["lengths.last", "lengths.total"], ""
        self._nodes.op(
            "GroupQueryAttention",
            [*padded, f"{past}.key", f"{past}.value", *lengths, *rotary, bias, "attention.no_sink"],
            *(f"{prefix}.spared", f"{present}.key", f"{present}.value"),
            domain=MICROSOFT,
            **self._attributes(kind),
        )
        tokens = [f"{prefix}.spared", self._nodes.constant("spare.start", [0]), "spare.end", "axis.1"]
        return self._output(f"{prefix}.o_proj", self._nodes.op("Slice", tokens, prefix))

    def _attributes(self, kind: LayerAttention) -> dict[str, Any]:
        cfg = self._config
        found: dict[str, Any] = {
            "num_heads": cfg.heads,
            "kv_num_heads": cfg.kv_heads,
            "do_rotary": int(kind.rotary is not None),
            "rotary_interleaved": 0,
            "scale": 1.0,
        }
        if 0 < kind.window < cfg.context_length:
            found["local_window_size"] = kind.window
        return found

    def _queries_keys_values(self, prefix: str, hidden: str) -> tuple[str, str, str]:
        """Float32 `[B, S, (heads + 2 * kv_heads) * stored]`, in one product instead of three."""
        name, bias = f"{prefix}.qkv_proj", ""
        if self._config.attention_bias:
            bias = self._nodes.weight(f"{name}.bias", self._stacked(prefix, "bias"))
        matrix = self._nodes.matrix(f"{name}.weight", self._stacked(prefix, "weight"), self._recipe.attention_in)
        return self._nodes.multiply(name, hidden, matrix, bias), "", ""

    def _stacked(self, prefix: str, kind: str) -> FloatArray:
        """Queries, keys and values under each other, their heads as the operator wants them."""
        queries, keys, values = (self._weights[f"{prefix}.{part}_proj.{kind}"] for part in "qkv")
        if not self._config.query_key_norms:  # a norm would undo it
            queries = queries * self._query_scale
        layout = self._layout
        return np.concatenate((layout.queries_or_keys(queries), layout.queries_or_keys(keys), layout.values(values)))

    @property
    def _query_scale(self) -> np.float32:
        """What the product of a query and a key is multiplied with."""
        scale = self._config.query_scale
        return np.float32(self._config.head_dim**-0.5 if scale is None else scale)

    def _normed(self, prefix: str, packed: str) -> tuple[str, str, str]:
        """Queries, keys and values `[B, S, heads * stored]` apart, each head's query and key normed.

        The operator norms on other devices than the CPU only.
        """
        cfg, op, stored = self._config, self._nodes.op, self._layout.stored
        widths = [cfg.heads * stored, cfg.kv_heads * stored, cfg.kv_heads * stored]
        queries, keys, values = f"{prefix}.queries", f"{prefix}.keys", f"{prefix}.values"
        op("Split", [packed, self._nodes.constant("qkv.widths", widths)], queries, keys, values, axis=-1)
        heads, flat = self._nodes.constant("heads", [0, 0, -1, stored]), self._nodes.constant("flat", [0, 0, -1])
        # The mean of squares is over the zeros, too, that fill a head up.
        share = cfg.head_dim / stored
        for part, rows, scale in (("q", queries, self._query_scale), ("k", keys, np.float32(1))):
            weight = self._weights[f"{prefix}.{part}_norm.weight"]
            gamma = self._layout.queries_or_keys(weight) * np.float32(share**0.5) * scale
            inputs = [
                op("Reshape", [rows, heads], f"{rows}.heads"),
                self._nodes.weight(f"{prefix}.{part}_norm.weight", gamma),
            ]
            norm = f"{rows}.norm"
            op("SimplifiedLayerNormalization", inputs, norm, axis=-1, epsilon=cfg.norm_epsilon * share)
            op("Reshape", [norm, flat], f"{rows}.normed")
        return f"{queries}.normed", f"{keys}.normed", values

    def _output(self, name: str, heads: str) -> str:
        weight, bias = self._layout.outputs(self._weights[f"{name}.weight"]), ""
        if self._config.output_bias:
            bias = self._nodes.weight(f"{name}.bias", self._weights[f"{name}.bias"])
        matrix = self._nodes.matrix(f"{name}.weight", weight, self._recipe.attention_out)
        return self._nodes.multiply(name, heads, matrix, bias)

    def _rotary_tables(self, rotary: Rotary) -> tuple[str, str]:
        """Cosines and sines `[context, stored / 2]`."""
        cosines, sines = rotary.tables(self._config.context_length)
        name = f"rotary.{len(self._tables)}"
        return (
            self._nodes.weight(f"{name}.cos", self._layout.table(cosines, still=1)),
            self._nodes.weight(f"{name}.sin", self._layout.table(sines, still=0)),
        )

    def _sequence_lengths(self) -> None:
        """`lengths.last` int32 `[B]`, the index of each sequence's last token, and `lengths.total` int32, T."""
        op, constant = self._nodes.op, self._nodes.constant
        one, axis = constant("one", 1), constant("axis.1", [1])
        each = op("ReduceSum", ["attention_mask", axis], "lengths.each", keepdims=0)
        total = op("Gather", [op("Shape", ["attention_mask"], "mask.shape"), axis], "lengths.total64", axis=0)
        spare = op("Sub", [total, op("ReduceMax", [each], "lengths.longest")], "spare.places")
        last = op("Sub", [op("Add", [each, spare], "lengths.spared"), one], "lengths.last64")
        op("Cast", [last], "lengths.last", to=TensorProto.INT32)
        op("Cast", [op("Squeeze", [total], "lengths.total0")], "lengths.total", to=TensorProto.INT32)

    def _spare_places(self) -> None:
        """What pads rows `[B, S, ...]` and positions with spare places, and `spare.end`, S, which cuts them off."""
        op, constant = self._nodes.op, self._nodes.constant
        before, behind = constant("spare.before", [0, 0, 0, 0]), constant("spare.behind", [0])
        op("Concat", [before, "spare.places", behind], "spare.pads", axis=0)
        few = op("Concat", [constant("spare.few", [0, 0, 0]), "spare.places"], "spare.few.pads", axis=0)
        op("Pad", ["position_ids", few], "spare.positions")
        op("Gather", [op("Shape", ["input_ids"], "ids.shape"), "axis.1"], "spare.end", axis=0)
