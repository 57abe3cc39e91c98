"""Grouped-query attention with rotary positions, as nodes of a graph."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edge_agent.slm.convert.config import DecoderConfig, Weights
from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Recipe


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

    def prepare(self) -> None:
        """Write the tables and lengths that all layers read; before the first `write`."""
        self._rotary_tables()
        self._sequence_lengths()

    def write(self, layer: int, hidden: str) -> str:
        """Grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245) with its projections.

        Args:
            layer: its number, from 0.
            hidden: name of the normed hidden rows, float32 `[B, S, hidden_size]`.

        Returns:
            The name of the output, of the same shape.
        """
        cfg, prefix = self._config, f"model.layers.{layer}.self_attn"
        past, present = f"past_key_values.{layer}", f"present.{layer}"
        packed = self._queries_keys_values(prefix, hidden)
        rotary = ["rotary.cos", "rotary.sin", "position_ids"]
        self._nodes.op(
            "GroupQueryAttention",
            [packed, "", "", f"{past}.key", f"{past}.value", "lengths.last", "lengths.total", *rotary],
            *(prefix, f"{present}.key", f"{present}.value"),
            domain=MICROSOFT,
            num_heads=cfg.heads,
            kv_num_heads=cfg.kv_heads,
            do_rotary=1,
            rotary_interleaved=0,
        )
        name = f"{prefix}.o_proj"
        output = self._nodes.matrix(f"{name}.weight", self._weights[f"{name}.weight"], self._recipe.attention_out)
        return self._nodes.multiply(name, prefix, output)

    def _queries_keys_values(self, prefix: str, hidden: str) -> str:
        """Float32 `[B, S, (heads + 2 * kv_heads) * head_dim]`, in one product instead of three."""
        parts = [f"{prefix}.{part}_proj" for part in "qkv"]
        name, bias = f"{prefix}.qkv_proj", ""
        stacked = np.concatenate([self._weights[f"{part}.weight"] for part in parts])
        if self._config.attention_bias:
            biases = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
            bias = self._nodes.weight(f"{name}.bias", biases)
        matrix = self._nodes.matrix(f"{name}.weight", stacked, self._recipe.attention_in)
        return self._nodes.multiply(name, hidden, matrix, bias)

    def _rotary_tables(self) -> None:
        """Cosines and sines `[context, head_dim / 2]` of rotary positions (Su et al. 2021, arXiv 2104.09864)."""
        cfg = self._config
        frequencies = cfg.rope_theta ** -(np.arange(0, cfg.head_dim, 2, dtype=np.float64) / cfg.head_dim)
        angles = np.outer(np.arange(cfg.context_length), frequencies)
        self._nodes.weight("rotary.cos", np.cos(angles).astype(np.float32))
        self._nodes.weight("rotary.sin", np.sin(angles).astype(np.float32))

    def _sequence_lengths(self) -> None:
        """`lengths.last` int32 `[B]`, the index of each sequence's last token, and `lengths.total` int32, T."""
        op, one, axis = self._nodes.op, self._nodes.constant("one", 1), self._nodes.constant("axis.1", [1])
        each = op("ReduceSum", ["attention_mask", axis], "lengths.each", keepdims=0)
        op("Cast", [op("Sub", [each, one], "lengths.last64")], "lengths.last", to=TensorProto.INT32)
        total = op("Gather", [op("Shape", ["attention_mask"], "mask.shape"), one], "lengths.total64", axis=0)
        op("Cast", [total], "lengths.total", to=TensorProto.INT32)
