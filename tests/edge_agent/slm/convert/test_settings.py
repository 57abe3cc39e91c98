"""config.json, in the forms that the hub has: old keys and new ones, defaults left out, variations refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.convert.config import DecoderConfig
from edge_agent.slm.convert.families import FAMILIES
from edge_agent.slm.convert.rotary import STRETCHES, Rotary
from edge_agent.slm.convert.settings import Settings, decoder_config, family_of
from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelUnsupported

SMALL = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


def decoder(model_type: str, context_tokens: int | None = None, **values: Any) -> DecoderConfig:
    settings = Settings({**SMALL, **values}, family_of(model_type, "config.json"), "config.json")
    return decoder_config(settings, bos_token_id=1, eos_token_ids=(2,), context_tokens=context_tokens)


def rotaries(config: DecoderConfig) -> list[Rotary | None]:
    return [layer.rotary for layer in config.attention]


def test_what_each_family_is() -> None:
    gemma, phi, smol = decoder("gemma3_text"), decoder("phi3"), decoder("smollm3")
    assert (gemma.head_dim, gemma.embedding_scale, gemma.query_scale, gemma.tied_head) == (256, 8.0, None, True)
    assert [layer.window for layer in gemma.attention] == [4096] * 5 + [0] + [4096] * 2
    assert (rotaries(gemma)[0], rotaries(gemma)[5]) == (Rotary(10_000.0, 256), Rotary(1_000_000.0, 256))
    assert (phi.head_dim, phi.norm_epsilon, phi.attention_bias) == (16, 1e-5, False)
    theta = Rotary(2_000_000.0, 16)
    assert rotaries(smol) == [theta, theta, theta, None] * 2
    assert decoder("qwen2").attention_bias
    assert not decoder("qwen2").output_bias
    assert decoder("qwen3").query_key_norms


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"rope_theta": 5e5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
        (
            {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}},
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0}},
        ),
        (
            {"rope_scaling": None, "partial_rotary_factor": 0.5},
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
        ),
    ],
    ids=["base", "scaling", "partial"],
)
def test_older_and_newer_keys_for_positions_say_the_same(older: dict[str, Any], newer: dict[str, Any]) -> None:
    assert decoder("llama", **older) == decoder("llama", **newer)


def test_gemma_scales_the_layers_that_see_all_only() -> None:
    scaling = {"rope_type": "linear", "factor": 8.0}
    older = decoder("gemma3", rope_scaling=scaling, rope_local_base_freq=50.0)
    newer = decoder(
        "gemma3",
        rope_parameters={
            "full_attention": {**scaling, "rope_theta": 1_000_000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
        },
    )
    assert older == newer
    assert rotaries(older)[0] == Rotary(50.0, 256)
    assert rotaries(older)[5] == Rotary(1_000_000.0, 256, (8.0,) * 128)


def test_phi_says_yarn_or_su_where_it_means_longrope() -> None:
    lists = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    same = [
        decoder("phi3", original_max_position_embeddings=1024, rope_scaling={"type": name, **lists})
        for name in ("longrope", "su", "yarn")
    ]
    assert same[0] == same[1] == same[2]
    rotary = rotaries(same[0])[0]
    assert rotary
    assert rotary.divisors == (2.0,) * 8


def test_a_shorter_context_takes_the_short_divisors() -> None:
    lists = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    config = decoder("phi3", 1024, original_max_position_embeddings=1024, rope_scaling={"type": "longrope", **lists})
    rotary = rotaries(config)[0]
    assert rotary
    assert (config.context_length, rotary.divisors) == (1024, (1.0,) * 8)


@pytest.mark.parametrize(
    ("values", "windows"),
    [
        ({"sliding_window": 9}, [0] * 8),
        ({"sliding_window": 9, "use_sliding_window": True, "max_window_layers": 6}, [0] * 6 + [9] * 2),
        ({"sliding_window": 9, "use_sliding_window": True, "layer_types": ["sliding_attention"] * 8}, [9] * 8),
        ({"sliding_window": None, "use_sliding_window": True, "max_window_layers": 0}, [0] * 8),
    ],
    ids=["not used", "upper layers", "as listed", "none"],
)
def test_windows_of_qwen(values: dict[str, Any], windows: list[int]) -> None:
    assert [layer.window for layer in decoder("qwen2", **values).attention] == windows


def test_layers_without_positions_may_be_listed() -> None:
    config = decoder("smollm3", no_rope_layers=[0, 1] * 5)
    assert [rotary is None for rotary in rotaries(config)] == [True, False] * 4


@pytest.mark.parametrize("tokens", [1, 4097])
def test_a_context_beyond_the_trained_one_is_refused(tokens: int) -> None:
    with pytest.raises(InvalidRequest, match="made for 4096") as error:
        decoder("llama", tokens)
    assert error.value.remedy == "Ask for 2 to 4096"


def test_dynamic_scaling_may_go_beyond() -> None:
    assert decoder("llama", 8192, rope_scaling={"type": "dynamic", "factor": 2.0}).context_length == 8192


@pytest.mark.parametrize(
    ("model_type", "values", "said"),
    [
        ("llama", {"num_local_experts": 8}, "a mixture of experts"),
        ("qwen3", {"num_experts": 128}, "a mixture of experts"),
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "quantised already"),
        ("llama", {"hidden_act": "relu2"}, "the activation 'relu2'"),
        ("llama", {"mlp_bias": True}, "biases in its feed-forward"),
        ("gemma3", {"final_logit_softcapping": 30.0}, "capped logits"),
        ("gemma3", {"use_bidirectional_attention": True}, "attention to what comes later"),
        ("llama", {"rope_scaling": {"rope_type": "proportional"}}, "positions scaled by 'proportional'"),
    ],
    ids=str,
)
def test_what_the_graph_does_not_have_is_refused(model_type: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelUnsupported, match=rf"config\.json has .*{said}") as error:
        decoder(model_type, **values)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"vocab_size": None}, "states no 'vocab_size'"),
        ({"hidden_size": "64"}, "states '64' for 'hidden_size'"),
        ({"num_hidden_layers": True}, "states True for 'num_hidden_layers'"),
        ({"num_attention_heads": 0}, "states 0 for 'num_attention_heads'"),
        ({"num_key_value_heads": 3}, "4 heads over 3"),
        ({"rope_scaling": {"rope_type": "linear"}}, "positions by 'linear' with impossible numbers, or lacks one"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "positions by 'linear'"),
        ({"rope_theta": -1.0}, r"by the base -1\.0"),
        ({"partial_rotary_factor": 0.2}, "turns 3 of 16 dimensions"),
        ({"layer_types": ["full_attention"]}, "describes 1 of 8 layers"),
        ({"rope_parameters": {"full_attention": 3}}, "'full_attention'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelCorrupt, match=rf"config\.json .*{said}") as error:
        decoder("llama", **values)
    assert error.value.remedy


KEYS = st.sampled_from([*SMALL, "head_dim", "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor"])
NUMBERS = st.one_of(st.integers(-2, 2**40), st.floats(), st.booleans(), st.text(max_size=3), st.none())
SCALING_KEYS = st.sampled_from(
    [
        *(
            "factor",
            "original_max_position_embeddings",
            "low_freq_factor",
            "high_freq_factor",
            "beta_fast",
            "beta_slow",
        ),
        *("attention_factor", "rope_theta", "short_factor", "long_factor", "full_attention", "mscale"),
    ]
)
SCALINGS = st.builds(
    lambda kind, values: {"rope_type": kind, **values},
    st.sampled_from([*STRETCHES, "spiral", 3]),
    st.dictionaries(SCALING_KEYS, st.one_of(NUMBERS, st.lists(st.floats(), min_size=8, max_size=8))),
)


@given(st.sampled_from(list(FAMILIES)), st.dictionaries(KEYS, st.one_of(NUMBERS, SCALINGS), min_size=1, max_size=4))
def test_any_settings_make_a_decoder_or_a_typed_error(family: str, values: dict[str, Any]) -> None:
    with suppress(ModelCorrupt, ModelUnsupported, InvalidRequest):
        config = decoder(family, **values)
        assert all(np.isfinite(rotary.frequencies).all() for rotary in rotaries(config) if rotary)


@pytest.mark.parametrize("name", ["mixtral", "qwen2_moe", "phimoe"])
def test_a_mixture_of_experts_is_called_one(name: str) -> None:
    with pytest.raises(ModelUnsupported, match=rf"'{name}' \(a mixture of experts\)"):
        family_of(name, "config.json")
