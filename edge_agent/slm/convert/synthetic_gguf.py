"""GGUF files of tiny models, laid out as llama.cpp's own converter lays them out: for tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from edge_agent.slm.convert.config import DecoderConfig, FloatArray
from edge_agent.slm.convert.families import FAMILIES
from edge_agent.slm.convert.gguf_decoder import gguf_name
from edge_agent.slm.convert.synthetic import CHAT_TEMPLATE, tiny_tokenizer


def write_gguf(
    path: Path,
    config: DecoderConfig,
    weights: Mapping[str, FloatArray],
    *,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    fields: Mapping[str, Any] | None = None,
    tensors: Mapping[str, FloatArray | None] | None = None,
    architecture: str = "",
) -> Path:
    """Write a model, with the tiny tokenizer.

    Args:
        path: the file.
        config: the decoder's shape. How its positions are stretched is for `fields` and `tensors` to say.
        weights: by hub name.
        kind: how matrices are stored.
        fields: metadata that replaces ours or, as None, removes it.
        tensors: likewise, by the names of the file.
        architecture: another than the config's, for a file that lies.

    Returns:
        `path`.
    """
    writer = gguf.GGUFWriter(path, architecture or config.model_type)
    for key, value in (_metadata(config) | dict(fields or {})).items():
        if value is not None:
            _add(writer, key, value)
    for name, tensor in (_tensors(config, weights) | dict(tensors or {})).items():
        if tensor is None:
            continue
        if tensor.ndim == 2 and kind != gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, gguf.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(config: DecoderConfig, weights: Mapping[str, FloatArray]) -> dict[str, FloatArray | None]:
    """By the names of the file: fused where the family fuses, rotary rows as it orders them."""
    family = FAMILIES[config.model_type]
    wholes = {part: whole for whole, parts in family.fused.items() for part in parts}
    stored: dict[str, FloatArray | None] = {}
    for name, weight in weights.items():
        part = next((part for part in wholes if f".{part}." in name), "")
        own = gguf_name(name.replace(part, wholes[part]) if part else name, family)
        rotary = family.interleaved and ("q_proj" in name or "k_proj" in name)
        rows = _interleaved(weight, config.head_dim) if rotary else weight
        above = stored.get(own)
        stored[own] = rows if above is None else np.concatenate((above, rows))
    return stored


def _interleaved(weight: FloatArray, head_dim: int) -> FloatArray:
    """From rows in which a rotated pair is (i, i + head_dim / 2) to rows in which it is (2i, 2i + 1)."""
    halves = weight.reshape(-1, 2, head_dim // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _metadata(config: DecoderConfig) -> dict[str, Any]:
    rotary = next((layer.rotary for layer in config.attention if layer.rotary and not layer.window), None)
    rotary = rotary or next(layer.rotary for layer in config.attention if layer.rotary)
    own = {
        "block_count": config.layers,
        "context_length": config.context_length,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.heads,
        "attention.head_count_kv": config.kv_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": config.norm_epsilon,
        "attention.sliding_window": max(layer.window for layer in config.attention) or None,
        "rope.dimension_count": rotary.size,
        "rope.freq_base": rotary.theta,
    }
    model = json.loads(tiny_tokenizer().to_str())["model"]
    texts = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return {f"{config.model_type}.{key}": value for key, value in own.items()} | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": texts,
        "tokenizer.ggml.token_type": [3 if text.startswith("<|") else 1 for text in texts],
        "tokenizer.ggml.merges": [" ".join(merge) for merge in model["merges"]],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)
