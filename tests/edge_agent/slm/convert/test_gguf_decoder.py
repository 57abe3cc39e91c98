from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edge_agent.slm.convert.checkpoint import GgufCheckpoint
from edge_agent.slm.convert.config import DecoderConfig
from edge_agent.slm.convert.families import FAMILIES
from edge_agent.slm.convert.gguf_decoder import gguf_name
from edge_agent.slm.convert.synthetic import random_weights, tiny_config
from orchestrator.errors import ModelCorrupt, ModelError, ModelUnsupported

WriteGguf = Callable[..., Path]

LLAMA, QWEN = tiny_config(), tiny_config(model_type="qwen2", tied_head=False)


def opened(write_gguf: WriteGguf, config: DecoderConfig, **changes: Any) -> GgufCheckpoint:
    return GgufCheckpoint(write_gguf(config, random_weights(config, np.random.default_rng(0)), **changes))


@pytest.mark.parametrize("config", [LLAMA, QWEN], ids=lambda config: config.model_type)
def test_the_shape_and_the_weights_come_back(write_gguf: WriteGguf, config: DecoderConfig) -> None:
    checkpoint = opened(write_gguf, config)
    assert replace(checkpoint.config, norm_epsilon=1e-5, eos_token_ids=(2,)) == config
    weights = random_weights(config, np.random.default_rng(0))
    assert list(checkpoint.weights) == list(weights)
    for name, weight in weights.items():
        np.testing.assert_array_equal(checkpoint.weights[name], weight)


def test_what_a_file_need_not_say(write_gguf: WriteGguf) -> None:
    absent = ("attention.key_length", "attention.value_length", "attention.head_count_kv", "rope.freq_base")
    config = tiny_config(hidden_size=32)
    # As many heads of keys as of queries.
    wide = {f"blk.{layer}.attn_{part}.weight": np.zeros((32, 32), np.float32) for layer in (0, 1) for part in "kv"}
    found = opened(write_gguf, config, fields={f"llama.{key}": None for key in absent}, tensors=wide).config
    assert found.attention[0].rotary
    assert (found.head_dim, found.kv_heads, found.attention[0].rotary.theta) == (16, 2, 10_000.0)


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"llama.block_count": None}, ModelCorrupt, r"no metadata 'llama\.block_count'"),
        ({"llama.attention.layer_norm_rms_epsilon": None}, ModelCorrupt, "layer_norm_rms_epsilon"),
        ({"llama.attention.head_count": 0}, ModelCorrupt, "states 0 for 'num_attention_heads'"),
        ({"llama.context_length": 2**31}, ModelCorrupt, "states 2147483648 for 'max_position_embeddings'"),
        ({"llama.context_length": 1}, ModelCorrupt, "states 1 for 'max_position_embeddings'"),
        ({"llama.block_count": 2**20}, ModelCorrupt, "states 1048576 for 'num_hidden_layers'"),
        ({"llama.block_count": 3}, ModelCorrupt, r"lacks the tensor 'blk\.2\."),
        ({"llama.embedding_length": 64}, ModelCorrupt, r"tensor 'token_embd\.weight' as \(300, 32\), not \(300, 64\)"),
        ({"llama.attention.head_count_kv": 3}, ModelCorrupt, "2 heads over 3"),
        ({"tokenizer.ggml.tokens": ["a"] * 301}, ModelCorrupt, "301 tokens, but embeds 300"),
        ({"llama.expert_count": 8}, ModelUnsupported, "a mixture of experts"),
        ({"llama.rope.scaling.type": "spiral"}, ModelUnsupported, "positions scaled by 'spiral'"),
        ({"llama.rope.scaling.type": "linear"}, ModelCorrupt, "scales positions by 'linear'"),
        ({"llama.rope.dimension_count": 7}, ModelCorrupt, "turns 7 of 16 dimensions"),
        ({"llama.attention.value_length": 8}, ModelUnsupported, "values of another size"),
        ({"llama.final_logit_softcapping": 30.0}, ModelUnsupported, "capped logits"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_is_named_with_a_remedy(
    write_gguf: WriteGguf, fields: dict[str, Any], error: type[ModelError], said: str
) -> None:
    with pytest.raises(error, match=rf"model\.gguf .*{said}") as failure:
        opened(write_gguf, LLAMA, fields=fields)
    assert failure.value.remedy


def test_harmless_variations_pass(write_gguf: WriteGguf) -> None:
    fields = {"llama.expert_count": 0, "llama.rope.scaling.type": "none", "llama.rope.dimension_count": 16}
    assert opened(write_gguf, LLAMA, fields=fields).config.attention == LLAMA.attention


def test_an_unknown_architecture_is_named_with_the_known_ones(write_gguf: WriteGguf) -> None:
    with pytest.raises(ModelUnsupported, match="unknown architecture 'mamba'") as failure:
        opened(write_gguf, LLAMA, architecture="mamba")
    assert all(family in failure.value.remedy for family in FAMILIES)


def test_a_mixture_of_experts_is_called_one(write_gguf: WriteGguf) -> None:
    with pytest.raises(ModelUnsupported, match=r"'qwen3moe' \(a mixture of experts\)"):
        opened(write_gguf, LLAMA, architecture="qwen3moe")


def test_a_tensor_that_the_graph_has_no_place_for_is_named(write_gguf: WriteGguf) -> None:
    with pytest.raises(ModelUnsupported, match=r"the tensor 'blk\.0\.attn_sinks\.weight'"):
        opened(write_gguf, LLAMA, tensors={"blk.0.attn_sinks.weight": np.ones(8, np.float32)})


def test_divisors_of_the_frequencies_come_from_a_tensor(write_gguf: WriteGguf) -> None:
    """As llama.cpp's converter writes Llama 3.1's scaling down."""
    divisors = np.linspace(1, 8, 8, dtype=np.float32)
    rotary = opened(write_gguf, LLAMA, tensors={"rope_freqs.weight": divisors}).config.attention[0].rotary
    assert rotary
    assert (rotary.divisors, rotary.magnitude) == (tuple(divisors.tolist()), 1)


@pytest.mark.parametrize(
    ("pattern", "windows"), [(None, [5, 5]), (2, [5, 0]), ([False, True], [0, 5])], ids=["unsaid", "every", "flags"]
)
def test_which_layers_of_gemma_see_a_window(write_gguf: WriteGguf, pattern: object, windows: list[int]) -> None:
    config = replace(
        tiny_config(), model_type="gemma3", query_key_norms=True, branch_norms=True, activation="gelu_tanh"
    )
    fields = {"gemma3.attention.sliding_window": 5, "gemma3.attention.sliding_window_pattern": pattern}
    found = opened(write_gguf, config, fields=fields).config
    assert [layer.window for layer in found.attention] == windows
    assert found.embedding_scale == 32**0.5


def test_a_weight_is_decoded_when_it_is_asked_for(write_gguf: WriteGguf) -> None:
    weights = opened(write_gguf, LLAMA, kind=gguf.GGMLQuantizationType.Q8_0).weights
    exact = random_weights(LLAMA, np.random.default_rng(0))
    name = "model.layers.1.self_attn.k_proj.weight"
    np.testing.assert_allclose(weights[name], exact[name], atol=0.02)
    with pytest.raises(KeyError):
        weights["model.layers.2.self_attn.k_proj.weight"]


def test_names() -> None:
    llama, gemma = FAMILIES["llama"], FAMILIES["gemma3"]
    assert gguf_name("model.embed_tokens.weight", llama) == "token_embd.weight"
    assert gguf_name("model.layers.12.self_attn.o_proj.weight", llama) == "blk.12.attn_output.weight"
    assert gguf_name("model.layers.0.self_attn.q_proj.bias", llama) == "blk.0.attn_q.bias"
    assert gguf_name("model.layers.0.post_attention_layernorm.weight", llama) == "blk.0.ffn_norm.weight"
    assert gguf_name("model.layers.0.post_attention_layernorm.weight", gemma) == "blk.0.post_attention_norm.weight"
