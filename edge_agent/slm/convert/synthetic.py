"""Tiny models with random weights: complete folders for tests and benchmarks, made in milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, LayerAttention
from edge_agent.slm.convert.folder import write_decoder, write_tokenizer
from edge_agent.slm.convert.recipe import recipe_named
from edge_agent.slm.convert.rotary import Rotary

#: Turns between `<|im_start|>role` and `<|im_end|>`, as both catalogued models have them.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_PAIRS = ("th", "he", "in", "er", "an", "re", "on", "es", "or", "te", "at", "en", "ed", "is", "it")


def tiny_tokenizer() -> Tokenizer:
    """A byte-level BPE of 300 tokens: 3 special ones, every byte, a space before each letter, some English pairs."""
    merges = [("Ġ", letter) for letter in "abcdefghijklmnopqrstuvwxyz"] + [(pair[0], pair[1]) for pair in _PAIRS]
    texts = [*_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(first + second for first, second in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={text: index for index, text in enumerate(texts)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in _SPECIAL])
    return tokenizer


def tiny_config(
    *,
    model_type: str = "llama",
    vocab_size: int = 300,
    hidden_size: int = 32,
    layers: int = 2,
    context_length: int = 512,
    tied_head: bool = True,
) -> DecoderConfig:
    """A decoder with heads of 16 (the least that the attention operator takes), two to each key and value head.

    `qwen2` has attention biases, `llama` none. `hidden_size` is a multiple of 32.
    """
    return DecoderConfig(
        model_type=model_type,
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        heads=hidden_size // 16,
        kv_heads=hidden_size // 32,
        head_dim=16,
        context_length=context_length,
        attention=(LayerAttention(Rotary(10_000.0, 16)),) * layers,
        norm_epsilon=1e-5,
        attention_bias=model_type == "qwen2",
        tied_head=tied_head,
        bos_token_id=1,
        eos_token_ids=(2,),
    )


def random_weights(config: DecoderConfig, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Weights by hub name, scaled so that activations keep their size and the logits differ clearly."""
    weights = {}
    for name, shape in config.weight_shapes().items():
        scale, mean = (2 / shape[1] ** 0.5, 0.0) if len(shape) == 2 else (0.1, 0.0 if name.endswith("bias") else 1.0)
        weights[name] = rng.standard_normal(shape, np.float32) * np.float32(scale) + np.float32(mean)
    return weights


def write_synthetic_model(
    folder: Path, *, seed: int = 0, recipe: str = "exact", config: DecoderConfig | None = None
) -> None:
    """Write a complete model folder with random weights; the same seed gives the same model.

    Args:
        folder: created where it is missing.
        seed: of the weights.
        recipe: how the matrices are stored.
        config: the decoder's shape; `tiny_config()` by default. Its vocabulary needs at least the tokenizer's 300.
    """
    config = config or tiny_config()
    folder.mkdir(parents=True, exist_ok=True)
    write_decoder(folder, config, random_weights(config, np.random.default_rng(seed)), recipe_named(recipe))
    settings = {"chat_template": CHAT_TEMPLATE, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    write_tokenizer(folder, tiny_tokenizer(), settings)
