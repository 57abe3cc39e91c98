"""The shape of a decoder, apart from where its weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_agent.slm.convert.heads import HeadLayout
from edge_agent.slm.convert.rotary import Rotary

FloatArray = npt.NDArray[np.float32]

#: Weights by their hub name (`model.layers.0.self_attn.q_proj.weight`), matrices as `[out, in]`.
#: Rotary rows are in half-split order, as on the hub; norms are plain factors, also where the hub stores them less one.
#: A mapping may make each array when it is asked for.
Weights = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class LayerAttention:
    """What one layer's attention sees.

    Attributes:
        rotary: how positions turn queries and keys; None where the layer knows no positions.
        window: it sees this many tokens, the present one included; 0 for all.
    """

    rotary: Rotary | None
    window: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """A pre-norm decoder with grouped-query attention and a gated feed-forward.

    Attributes:
        model_type: the hub's word for the architecture, a name in `families.FAMILIES`.
        context_length: the longest sequence, in tokens, that the graph is made for.
        attention: one for each layer.
        attention_bias: whether the query, key and value projections add a bias (qwen2 does).
        output_bias: whether the attention's output projection does.
        query_key_norms: whether each head's query and key are normed before they are turned.
        branch_norms: whether attention and feed-forward are also normed behind, before they are added (gemma3).
        activation: of the feed-forward's gate.
        embedding_scale: what a token's embedding is multiplied with.
        query_scale: what the product of query and key is multiplied with; None for head_dim ** -.5.
        tied_head: whether the head is the embedding matrix itself.
        eos_token_ids: the tokens that end an answer.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    heads: int
    kv_heads: int
    head_dim: int
    context_length: int
    attention: tuple[LayerAttention, ...]
    norm_epsilon: float
    tied_head: bool
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    attention_bias: bool = False
    output_bias: bool = False
    query_key_norms: bool = False
    branch_norms: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    embedding_scale: float = 1.0
    query_scale: float | None = None

    @property
    def layers(self) -> int:
        """How many there are."""
        return len(self.attention)

    @property
    def head_layout(self) -> HeadLayout:
        """Where the graph keeps the dimensions of a head; the same in all layers."""
        sizes = (layer.rotary.size for layer in self.attention if layer.rotary)
        return HeadLayout(self.head_dim, next(sizes, self.head_dim))

    @property
    def norms(self) -> tuple[str, ...]:
        """The norms of a layer by hub name: before and, with `branch_norms`, behind attention and feed-forward."""
        if self.branch_norms:
            middle = ("post_attention_layernorm", "pre_feedforward_layernorm")
            return ("input_layernorm", *middle, "post_feedforward_layernorm")
        return ("input_layernorm", "post_attention_layernorm")

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by hub name, in the order in which a decoder uses them."""
        hidden, up = self.hidden_size, (self.intermediate_size, self.hidden_size)
        inner = {"gate": up, "up": up, "down": up[::-1]}
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocab_size, hidden)}
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}"
            before, *middle = self.norms
            behind = [middle.pop()] if self.branch_norms else []
            shapes[f"{prefix}.{before}.weight"] = (hidden,)
            shapes.update((f"{prefix}.self_attn.{part}", shape) for part, shape in self._attention_shapes().items())
            shapes.update((f"{prefix}.{norm}.weight", (hidden,)) for norm in middle)
            shapes.update((f"{prefix}.mlp.{part}_proj.weight", shape) for part, shape in inner.items())
            shapes.update((f"{prefix}.{norm}.weight", (hidden,)) for norm in behind)
        shapes["model.norm.weight"] = (hidden,)
        if not self.tied_head:
            shapes["lm_head.weight"] = (self.vocab_size, hidden)
        return shapes

    def _attention_shapes(self) -> dict[str, tuple[int, ...]]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {}
        for part, rows in (("q", queries), ("k", keys), ("v", keys)):
            shapes[f"{part}_proj.weight"] = (rows, self.hidden_size)
            if self.attention_bias:
                shapes[f"{part}_proj.bias"] = (rows,)
        shapes["o_proj.weight"] = (self.hidden_size, queries)
        if self.output_bias:
            shapes["o_proj.bias"] = (self.hidden_size,)
        if self.query_key_norms:
            shapes |= {"q_norm.weight": (self.head_dim,), "k_norm.weight": (self.head_dim,)}
        return shapes

    def as_hub(self) -> dict[str, object]:
        """What the engine reads of the hub's `config.json`, in its keys."""
        eos: int | list[int] | None = list(self.eos_token_ids)
        if len(self.eos_token_ids) < 2:
            eos = self.eos_token_ids[0] if self.eos_token_ids else None
        return {
            "model_type": self.model_type,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": self.context_length,
            "rms_norm_eps": self.norm_epsilon,
            "tie_word_embeddings": self.tied_head,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": eos,
        }
