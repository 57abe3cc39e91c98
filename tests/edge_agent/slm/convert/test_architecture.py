from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edge_agent.slm.convert.architecture import GgufWeights, decoder_config, gguf_name
from edge_agent.slm.convert.config import DecoderConfig
from edge_agent.slm.convert.gguf_file import GgufFile
from edge_agent.slm.convert.synthetic import random_weights, tiny_config
from orchestrator.errors import ModelCorrupt, ModelError, ModelUnsupported

WriteGguf = Callable[..., Path]

LLAMA, QWEN = tiny_config(), tiny_config(model_type="qwen2", tied_head=False)


def opened(write_gguf: WriteGguf, config: DecoderConfig, **changes: Any) -> GgufFile:
    return GgufFile(write_gguf(config, random_weights(config, np.random.default_rng(0)), **changes))


@pytest.mark.parametrize("config", [LLAMA, QWEN], ids=lambda config: config.model_type)
def test_the_shape_and_the_weights_come_back(write_gguf: WriteGguf, config: DecoderConfig) -> None:
    file = opened(write_gguf, config)
    found = decoder_config(file, 1, (2,))
    assert found.as_hub() == pytest.approx(config.as_hub())
    weights = random_weights(config, np.random.default_rng(0))
    read = GgufWeights(file, found)
    assert list(read) == list(weights)
    for name, weight in weights.items():
        np.testing.assert_array_equal(read[name], weight)


def test_what_a_file_need_not_say(write_gguf: WriteGguf) -> None:
    absent = ("attention.key_length", "attention.head_count_kv", "rope.freq_base")
    config = tiny_config(hidden_size=32)
    weights = random_weights(config, np.random.default_rng(0))
    # As many heads of keys as of queries.
    wide = {f"blk.{layer}.attn_{part}.weight": np.zeros((32, 32), np.float32) for layer in (0, 1) for part in "kv"}
    path = write_gguf(config, weights, fields={f"llama.{key}": None for key in absent}, tensors=wide)
    found = decoder_config(GgufFile(path), None, (2,))
    assert (found.head_dim, found.kv_heads, found.rope_theta) == (16, 2, 10_000.0)


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"llama.block_count": None}, ModelCorrupt, r"no metadata 'llama\.block_count'"),
        ({"llama.attention.layer_norm_rms_epsilon": None}, ModelCorrupt, "layer_norm_rms_epsilon"),
        ({"llama.attention.head_count": 0}, ModelCorrupt, r"states 0 for 'llama\.attention\.head_count'"),
        ({"llama.context_length": 2**31}, ModelCorrupt, r"states 2147483648 for 'llama\.context_length'"),
        ({"llama.block_count": 2**20}, ModelCorrupt, "1048576 layers in 20 tensors"),
        ({"llama.block_count": 3}, ModelCorrupt, r"lacks the tensor 'blk\.2\."),
        ({"llama.embedding_length": 64}, ModelCorrupt, r"tensor 'token_embd\.weight' as \(300, 32\), not \(300, 64\)"),
        ({"llama.attention.head_count_kv": 3}, ModelCorrupt, "2 heads over 3"),
        ({"tokenizer.ggml.tokens": ["a"] * 301}, ModelCorrupt, "301 tokens, but embeds 300"),
        ({"llama.expert_count": 8}, ModelUnsupported, "a mixture of experts"),
        ({"llama.rope.scaling.type": "yarn"}, ModelUnsupported, "scaled rotary positions"),
        ({"llama.rope.dimension_count": 8}, ModelUnsupported, r"rope\.dimension_count"),
        ({"llama.attention.key_length": 8}, ModelUnsupported, "heads of 8"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_is_named_with_a_remedy(
    write_gguf: WriteGguf, fields: dict[str, Any], error: type[ModelError], said: str
) -> None:
    with pytest.raises(error, match=rf"model\.gguf .*{said}") as failure:
        decoder_config(opened(write_gguf, LLAMA, fields=fields), 1, (2,))
    assert failure.value.remedy


def test_harmless_variations_pass(write_gguf: WriteGguf) -> None:
    fields = {"llama.expert_count": 0, "llama.rope.scaling.type": "none", "llama.rope.dimension_count": 16}
    decoder_config(opened(write_gguf, LLAMA, fields=fields), 1, (2,))


def test_an_unknown_architecture_is_named_with_the_known_ones(write_gguf: WriteGguf) -> None:
    with pytest.raises(ModelUnsupported, match=r"architecture 'mamba' \(known: llama, qwen2\)"):
        decoder_config(opened(write_gguf, LLAMA, architecture="mamba"), 1, (2,))


def test_a_tensor_that_the_graph_has_no_place_for_is_named(write_gguf: WriteGguf) -> None:
    """Llama 3.1 scales its rotary frequencies by such a tensor: leaving it out would give wrong answers."""
    file = opened(write_gguf, LLAMA, tensors={"rope_freqs.weight": np.ones(8, np.float32)})
    with pytest.raises(ModelUnsupported, match=r"the tensor 'rope_freqs\.weight'"):
        decoder_config(file, 1, (2,))


def test_a_weight_is_decoded_when_it_is_asked_for(write_gguf: WriteGguf) -> None:
    file = opened(write_gguf, LLAMA, kind=gguf.GGMLQuantizationType.Q8_0)
    weights = GgufWeights(file, decoder_config(file, 1, (2,)))
    exact = random_weights(LLAMA, np.random.default_rng(0))
    name = "model.layers.1.self_attn.k_proj.weight"
    np.testing.assert_allclose(weights[name], exact[name], atol=0.02)
    with pytest.raises(KeyError):
        weights["model.layers.2.self_attn.k_proj.weight"]


def test_names() -> None:
    assert gguf_name("model.embed_tokens.weight") == "token_embd.weight"
    assert gguf_name("model.layers.12.self_attn.o_proj.weight") == "blk.12.attn_output.weight"
    assert gguf_name("model.layers.0.self_attn.q_proj.bias") == "blk.0.attn_q.bias"
