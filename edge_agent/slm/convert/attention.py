"""Grouped-query attention with rotary positions, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, LayerAttention, Weights
from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Recipe
from edge_agent.slm.convert.rotary import Rotary


class Attention:
    """Writes the attention of each layer, and once for all of them what they share."""

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
        rotary = [*self._tables[kind.rotary], "position_ids"] if kind.rotary else []
        self._nodes.op(
            "GroupQueryAttention",
            [*queries_keys_values, f"{past}.key", f"{past}.value", "lengths.last", "lengths.total", *rotary],
            *(prefix, f"{present}.key", f"{present}.value"),
            domain=MICROSOFT,
            **self._attributes(kind),
        )
        return self._output(f"{prefix}.o_proj", prefix)

    def _attributes(self, kind: LayerAttention) -> dict[str, Any]:
        cfg = self._config
        found: dict[str, Any] = {
            "num_heads": cfg.heads,
            "kv_num_heads": cfg.kv_heads,
            "do_rotary": int(kind.rotary is not None),
            "rotary_interleaved": 0,
        }
        scale = cfg.head_dim**-0.5 if cfg.query_scale is None else cfg.query_scale
        if scale != self._layout.stored**-0.5:
            found["scale"] = scale
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
        layout = self._layout
        return np.concatenate((layout.queries_or_keys(queries), layout.queries_or_keys(keys), layout.values(values)))

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
        for part, rows in (("q", queries), ("k", keys)):
            weight = self._weights[f"{prefix}.{part}_norm.weight"]
            gamma = self._layout.queries_or_keys(weight) * np.float32(share**0.5)
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
        op, one, axis = self._nodes.op, self._nodes.constant("one", 1), self._nodes.constant("axis.1", [1])
        each = op("ReduceSum", ["attention_mask", axis], "lengths.each", keepdims=0)
        op("Cast", [op("Sub", [each, one], "lengths.last64")], "lengths.last", to=TensorProto.INT32)
        total = op("Gather", [op("Shape", ["attention_mask"], "mask.shape"), one], "lengths.total64", axis=0)
        op("Cast", [total], "lengths.total", to=TensorProto.INT32)
