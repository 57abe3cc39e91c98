"""Decoder graphs as exporters make them, in standard operators, of a tiny llama's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_agent.slm.convert.config import DecoderConfig, FloatArray

_INT, _FLOAT, _HALF, _BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BOOL


@dataclass
class Body:
    """The nodes of a decoder between its inputs and its outputs.

    Attributes:
        cached: whether tokens follow those in the cache.
        causal: whether a token sees only what is before it.
        prefix: of all names inside, so that two bodies fit into one model.
        half: whether caches are float16.
        kept: whether only the last `num_logits_to_keep` rows become logits.
    """

    config: DecoderConfig
    weights: Mapping[str, FloatArray]
    cached: bool = True
    causal: bool = True
    prefix: str = ""
    half: bool = False
    kept: bool = False
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def op(self, kind: str, *inputs: str, outputs: tuple[str, ...] = ("",), **attributes: Any) -> str:
        names = [name or f"{self.prefix}{kind}.{len(self.nodes)}" for name in outputs]
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names[0]

    def tensor(self, name: str, value: Any) -> str:
        name = self.prefix + name
        self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def linear(self, hidden: str, name: str) -> str:
        return self.op("MatMul", hidden, self.tensor(f"{name}.T", self.weights[f"{name}.weight"].T.copy()))

    def norm(self, hidden: str, name: str) -> str:
        weight = self.tensor(name, self.weights[f"{name}.weight"])
        return self.op("RMSNormalization", hidden, weight, epsilon=self.config.norm_epsilon)

    def heads(self, rows: str, *, turned: bool) -> str:
        shape = self.tensor("heads", np.array([0, 0, -1, self.config.head_dim]))
        split = self.op("Transpose", self.op("Reshape", rows, shape), perm=[0, 2, 1, 3])
        tables = (f"{self.prefix}cos", f"{self.prefix}sin")
        return self.op("RotaryEmbedding", split, *tables, "position_ids") if turned else split

    def build(self) -> list[str]:
        """Write all nodes; returns the outputs: logits, then keys and values of each layer in turn."""
        config = self.config
        rotary = config.attention[0].rotary
        assert rotary
        for name, table in zip(("cos", "sin"), rotary.tables(config.context_length), strict=True):
            self.tensor(name, table)
        hidden = self.op("Gather", self.tensor("embed", self.weights["model.embed_tokens.weight"]), "input_ids")
        mask, caches = self.mask(), []
        for layer in range(config.layers):
            hidden, present = self.layer(layer, hidden, mask)
            caches += present
        hidden = self.norm(hidden, "model.norm")
        if self.kept:
            axis = self.tensor("axis", np.array([1]))
            start = self.op("Reshape", self.op("Neg", "num_logits_to_keep"), axis)
            hidden = self.op("Slice", hidden, start, self.tensor("end", np.array([2**62])), axis)
        head = self.tensor("head", self.weights["model.embed_tokens.weight"].T.copy())
        return [self.op("MatMul", hidden, head, outputs=(f"{self.prefix}logits",)), *caches]

    def mask(self) -> str:
        """Booleans [B, 1, S, T]: which token sees which."""
        one, zero = self.tensor("one", np.array(1)), self.tensor("zero", np.array(0))
        total = self.op("Gather", self.op("Shape", "attention_mask"), one)
        keys = self.op("Range", zero, total, one)
        queries = self.op("Unsqueeze", "position_ids", self.tensor("axes", np.array([1, 3])))
        if self.causal:
            return self.op("LessOrEqual", keys, queries)
        return self.op("GreaterOrEqual", self.op("Add", keys, queries), zero)

    def layer(self, layer: int, hidden: str, mask: str) -> tuple[str, list[str]]:
        prefix = f"model.layers.{layer}"
        normed = self.norm(hidden, f"{prefix}.input_layernorm")
        parts = [
            self.heads(self.linear(normed, f"{prefix}.self_attn.{part}_proj"), turned=part != "v") for part in "qkv"
        ]
        past = (
            [self.cast(f"past_key_values.{layer}.{part}", _FLOAT) for part in ("key", "value")] if self.cached else []
        )
        present = [f"{self.prefix}full.{layer}.{part}" for part in ("key", "value")]
        attended = self.op("Attention", *parts, mask, *past, outputs=("", *present))
        flat = self.op("Reshape", self.op("Transpose", attended, perm=[0, 2, 1, 3]), self.tensor("flat", [0, 0, -1]))
        hidden = self.op("Add", hidden, self.linear(flat, f"{prefix}.self_attn.o_proj"))
        normed = self.norm(hidden, f"{prefix}.post_attention_layernorm")
        gate = self.linear(normed, f"{prefix}.mlp.gate_proj")
        up = self.op(
            "Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), self.linear(normed, f"{prefix}.mlp.up_proj")
        )
        return self.op("Add", hidden, self.linear(up, f"{prefix}.mlp.down_proj")), [
            self.cast(name, _HALF) for name in present
        ]

    def cast(self, name: str, kind: int) -> str:
        return self.op("Cast", name, to=kind) if self.half else name


def declared(config: DecoderConfig, *, half: bool = False) -> tuple[list[Any], list[Any]]:
    """The usual inputs and outputs, as optimum names their sizes."""
    kind = _HALF if half else _FLOAT

    def cache(name: str, length: str) -> list[onnx.ValueInfoProto]:
        shape: list[str | int | None] = ["batch_size", config.kv_heads, length, config.head_dim]
        return [
            helper.make_tensor_value_info(f"{name}.{layer}.{part}", kind, shape)
            for layer in range(config.layers)
            for part in ("key", "value")
        ]

    ids = {"input_ids": "sequence_length", "attention_mask": "total_sequence_length", "position_ids": "sequence_length"}
    inputs = [helper.make_tensor_value_info(name, _INT, ["batch_size", size]) for name, size in ids.items()]
    logits = helper.make_tensor_value_info("logits", _FLOAT, ["batch_size", "rows", config.vocab_size])
    return [*inputs, *cache("past_key_values", "past_sequence_length")], [logits, *cache("present", "present_length")]


def save(path: Path, nodes: Any, inputs: Any, outputs: Any, tensors: Any) -> Path:
    graph = helper.make_graph(nodes, "main_graph", inputs, outputs, list(tensors))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.save(model, path)
    return path


def plain(path: Path, config: DecoderConfig, weights: Mapping[str, FloatArray], *extra: Any, **options: Any) -> Path:
    """As optimum exports: one graph, grown caches. `extra` inputs are declared beside the usual ones."""
    body = Body(config, weights, **options)
    inputs, outputs = declared(config, half=body.half)
    names = body.build()
    named = [helper.make_node("Identity", [name], [value.name]) for name, value in zip(names, outputs, strict=True)]
    # The logits have their name already.
    return save(path, [*body.nodes, *named[1:]], [*inputs, *extra], outputs, body.tensors.values())


def merged(path: Path, config: DecoderConfig, weights: Mapping[str, FloatArray], *, causal: bool = True) -> Path:
    """As older exporters merged two graphs. `causal`: whether the one behind a cache takes several tokens at once."""
    inputs, outputs = declared(config)
    bodies = (Body(config, weights, causal=causal, prefix="with."), Body(config, weights, cached=False, prefix="no."))
    branches = []
    for body in bodies:
        names = body.build()
        values = [
            helper.make_tensor_value_info(name, value.type.tensor_type.elem_type, None)
            for name, value in zip(names, outputs, strict=True)
        ]
        branches.append(helper.make_graph(body.nodes, body.prefix, [], values, list(body.tensors.values())))
    flag = helper.make_tensor_value_info("use_cache_branch", _BOOL, [1])
    chosen = helper.make_node(
        "If",
        ["use_cache_branch"],
        [value.name for value in outputs],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    return save(path, [chosen], [*inputs, flag], outputs, [])
