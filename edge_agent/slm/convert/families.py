"""What all models of an architecture have in common, wherever their files come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Attributes:
        name: the hub's `model_type`, and `general.architecture` of a GGUF file.
        query_key_norms, branch_norms, activation: as in `DecoderConfig`.
        fused: projections that are stored as one matrix, its parts under each other: by the name of the whole.
        interleaved: whether GGUF files keep the rotary rows of queries and keys interleaved.
        norms_less_one: whether the hub stores norms less one. GGUF files never do.
        scaled_embedding: whether embeddings are multiplied with the root of their size.
        defaults: what the hub's `config.json` may leave out, by key.
    """

    name: str
    query_key_norms: bool = False
    branch_norms: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    fused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    interleaved: bool = False
    norms_less_one: bool = False
    scaled_embedding: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("llama", interleaved=True),
        Family("qwen2", defaults={"attention_bias": True, "max_position_embeddings": 32_768}),
        Family("qwen3", query_key_norms=True, defaults={"head_dim": 128, "max_position_embeddings": 32_768}),
        Family(
            "gemma3",
            query_key_norms=True,
            branch_norms=True,
            activation="gelu_tanh",
            norms_less_one=True,
            scaled_embedding=True,
            defaults={
                "vocab_size": 262_208,
                "num_attention_heads": 8,
                "num_key_value_heads": 4,
                "head_dim": 256,
                "hidden_activation": "gelu_pytorch_tanh",
                "max_position_embeddings": 131_072,
                "query_pre_attn_scalar": 256,
                "sliding_window": 4096,
                "sliding_window_pattern": 6,
                "rope_theta": 1_000_000.0,
                "rope_local_base_freq": 10_000.0,
                "tie_word_embeddings": True,
                "bos_token_id": 2,
                "eos_token_id": 1,
            },
        ),
        Family(
            "phi3",
            fused={
                "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
                "mlp.gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
            },
            defaults={"max_position_embeddings": 4096, "rms_norm_eps": 1e-5},
        ),
        Family(
            "smollm3",
            interleaved=True,
            defaults={
                "max_position_embeddings": 32_768,
                "rope_theta": 2_000_000.0,
                "no_rope_layer_interval": 4,
                "tie_word_embeddings": True,
            },
        ),
    )
}
