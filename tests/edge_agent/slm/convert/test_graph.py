from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, Weights
from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import recipe_named
from edge_agent.slm.convert.synthetic import random_weights, tiny_config

TOKENS = [3, 40, 7, 299, 3, 3, 150, 12, 0, 88, 41]
CONFIGS = {
    "llama": tiny_config(),
    "llama, untied": tiny_config(tied_head=False, layers=1),
    "qwen2": tiny_config(model_type="qwen2", tied_head=False),
    "qwen2, wide": tiny_config(model_type="qwen2", hidden_size=96, layers=3),
}


class Decoder:
    """A graph with its cache: takes new tokens, gives their logits."""

    def __init__(self, config: DecoderConfig, weights: Weights, recipe: str = "exact") -> None:
        model = build_decoder(config, weights, recipe_named(recipe))
        self._session = ort.InferenceSession(model.SerializeToString())
        self._config = config
        self.clear()

    def clear(self) -> None:
        empty = np.zeros((1, self._config.kv_heads, 0, self._config.head_dim), np.float32)
        names = [item.name for item in self._session.get_inputs() if item.name.startswith("past")]
        self._cache: dict[str, Any] = dict.fromkeys(names, empty)
        self._length = 0

    def __call__(self, tokens: Sequence[int], *, keep: int = 0) -> FloatArray:
        end = self._length + len(tokens)
        feeds = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(self._length, end)[None],
            "num_logits_to_keep": np.array(keep, np.int64),
        }
        logits, *cache = self._session.run(None, feeds | self._cache)
        self._cache, self._length = dict(zip(self._cache, cache, strict=True)), end
        rows: FloatArray = logits[0]
        return rows


def reference(config: DecoderConfig, weights: Weights, tokens: Sequence[int]) -> Any:
    """The logits `[S, V]` by the textbook, in float64."""

    def weight(name: str) -> Any:
        return weights[name].astype(np.float64)

    def norm(x: Any, name: str) -> Any:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config.norm_epsilon) * weight(name)

    def heads(x: Any, prefix: str, part: str, *, rotated: bool) -> Any:
        y = x @ weight(f"{prefix}.{part}_proj.weight").T
        if config.attention_bias:
            y = y + weight(f"{prefix}.{part}_proj.bias")
        y = y.reshape(len(x), -1, config.head_dim)
        if not rotated:
            return y
        half = config.head_dim // 2
        assert config.attention[0].rotary
        angles = np.arange(len(x))[:, None] * config.attention[0].rotary.theta ** (-np.arange(half) / half)
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        return np.concatenate(
            (y[..., :half] * cos - y[..., half:] * sin, y[..., half:] * cos + y[..., :half] * sin), -1
        )

    hidden = weight("model.embed_tokens.weight")[list(tokens)]
    mask = np.triu(np.full((len(tokens), len(tokens)), -np.inf), 1)
    for layer in range(config.layers):
        prefix = f"model.layers.{layer}"
        x = norm(hidden, f"{prefix}.input_layernorm.weight")
        attention = f"{prefix}.self_attn"
        queries = heads(x, attention, "q", rotated=True)
        keys, values = heads(x, attention, "k", rotated=True), heads(x, attention, "v", rotated=False)
        group = config.heads // config.kv_heads
        scores = np.einsum("qhd,khd->hqk", queries, keys.repeat(group, 1)) / config.head_dim**0.5 + mask
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", shares, values.repeat(group, 1)).reshape(len(tokens), -1)
        hidden = hidden + mixed @ weight(f"{attention}.o_proj.weight").T
        x = norm(hidden, f"{prefix}.post_attention_layernorm.weight")
        gate = x @ weight(f"{prefix}.mlp.gate_proj.weight").T
        inner = gate / (1 + np.exp(-gate)) * (x @ weight(f"{prefix}.mlp.up_proj.weight").T)
        hidden = hidden + inner @ weight(f"{prefix}.mlp.down_proj.weight").T
    head = weight("model.embed_tokens.weight" if config.tied_head else "lm_head.weight")
    return norm(hidden, "model.norm.weight") @ head.T


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_exact_graph_computes_what_the_textbook_says(config: DecoderConfig) -> None:
    weights = random_weights(config, np.random.default_rng(0))
    wanted = reference(config, weights, TOKENS)
    np.testing.assert_allclose(Decoder(config, weights)(TOKENS), wanted, atol=2e-4)


@pytest.mark.parametrize("recipe", ["q8", "int8"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_eight_bits_stay_near(config: DecoderConfig, recipe: str) -> None:
    weights = random_weights(config, np.random.default_rng(0))
    wanted = reference(config, weights, TOKENS)
    error = Decoder(config, weights, recipe)(TOKENS) - wanted
    assert error.std() < 0.1 * wanted.std()


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    config = tiny_config(model_type="qwen2")
    return Decoder(config, random_weights(config, np.random.default_rng(1)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 299), min_size=2, max_size=24), st.data())
def test_pieces_give_what_the_whole_gives(decoder: Decoder, tokens: list[int], data: st.DataObject) -> None:
    """Decoding token by token, and prefill in chunks, equal one pass."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tokens) - 1))))
    decoder.clear()
    whole = decoder(tokens)
    decoder.clear()
    pieces = [decoder(tokens[start:end]) for start, end in zip([0, *cuts], [*cuts, len(tokens)], strict=True)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-4)


@pytest.mark.parametrize("keep", [1, 3, len(TOKENS), 100])
def test_only_the_wanted_rows_go_through_the_head(decoder: Decoder, keep: int) -> None:
    decoder.clear()
    whole = decoder(TOKENS)
    decoder.clear()
    np.testing.assert_allclose(decoder(TOKENS, keep=keep), whole[-keep:], atol=1e-5)


def test_a_tied_head_shares_the_bytes_of_the_embedding() -> None:
    tied, untied = tiny_config(vocab_size=3000), tiny_config(vocab_size=3000, tied_head=False)
    sizes = [
        sum(len(tensor.raw_data) for tensor in model.graph.initializer)
        for model in (
            build_decoder(config, random_weights(config, np.random.default_rng(0)), recipe_named("exact"))
            for config in (tied, untied)
        )
    ]
    assert sizes[1] - sizes[0] == 3000 * tied.hidden_size * 4


def test_the_graph_says_that_its_cache_may_be_shared() -> None:
    config = tiny_config()
    model = build_decoder(config, random_weights(config, np.random.default_rng(0)), recipe_named("q8"))
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties == {"edgewise.shared_kv": "1", "edgewise.spare_place": "1", "edgewise.recipe": "q8"}


def test_a_missing_weight_is_named() -> None:
    config = tiny_config()
    weights = random_weights(config, np.random.default_rng(0))
    del weights["model.layers.1.mlp.up_proj.weight"]
    with pytest.raises(KeyError, match=r"layers\.1\.mlp\.up_proj"):
        build_decoder(config, weights, recipe_named("exact"))
