"""The shape of a decoder, apart from where its weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

#: Weights by their hub name (`model.layers.0.self_attn.q_proj.weight`), matrices as `[out, in]`.
#: Rotary rows are in half-split order, as on the hub. A mapping may make each array when it is asked for.
Weights = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """A pre-norm decoder with rotary positions, grouped-query attention and a SiLU-gated feed-forward.

    Attributes:
        model_type: the hub's word for the architecture: `llama` or `qwen2`.
        context_length: the longest sequence, in tokens, that the model was trained for.
        attention_bias: whether the query, key and value projections add a bias (qwen2 does).
        tied_head: whether the head is the embedding matrix itself.
        eos_token_ids: the tokens that end an answer.
    """

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    context_length: int
    rope_theta: float
    norm_epsilon: float
    attention_bias: bool
    tied_head: bool
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight by hub name, in the order in which a decoder uses them."""
        hidden, inner = self.hidden_size, self.intermediate_size
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocab_size, hidden)}
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}"
            shapes[f"{prefix}.input_layernorm.weight"] = (hidden,)
            for part, rows in (("q", queries), ("k", keys), ("v", keys)):
                shapes[f"{prefix}.self_attn.{part}_proj.weight"] = (rows, hidden)
                if self.attention_bias:
                    shapes[f"{prefix}.self_attn.{part}_proj.bias"] = (rows,)
            shapes[f"{prefix}.self_attn.o_proj.weight"] = (hidden, queries)
            shapes[f"{prefix}.post_attention_layernorm.weight"] = (hidden,)
            shapes[f"{prefix}.mlp.gate_proj.weight"] = (inner, hidden)
            shapes[f"{prefix}.mlp.up_proj.weight"] = (inner, hidden)
            shapes[f"{prefix}.mlp.down_proj.weight"] = (hidden, inner)
        shapes["model.norm.weight"] = (hidden,)
        if not self.tied_head:
            shapes["lm_head.weight"] = (self.vocab_size, hidden)
        return shapes

    def as_hub(self) -> dict[str, object]:
        """The same as the keys of the hub's `config.json`."""
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
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.norm_epsilon,
            "tie_word_embeddings": self.tied_head,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": eos,
        }
