"""GGUF files of tiny models, whole and in every way wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edge_agent.slm.convert.architecture import gguf_name
from edge_agent.slm.convert.config import DecoderConfig, FloatArray
from edge_agent.slm.convert.synthetic import CHAT_TEMPLATE, tiny_tokenizer

WriteGguf = Callable[..., Path]


def interleaved(weight: FloatArray, heads: int) -> FloatArray:
    """Rotary rows as llama.cpp's converter orders them for the llama architecture."""
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def metadata(config: DecoderConfig) -> dict[str, Any]:
    """What a file of `config` says of itself, with the tiny tokenizer."""
    model = json.loads(tiny_tokenizer().to_str())["model"]
    texts = sorted(model["vocab"], key=model["vocab"].__getitem__)
    prefix = config.model_type
    return {
        f"{prefix}.block_count": config.layers,
        f"{prefix}.context_length": config.context_length,
        f"{prefix}.embedding_length": config.hidden_size,
        f"{prefix}.feed_forward_length": config.intermediate_size,
        f"{prefix}.attention.head_count": config.heads,
        f"{prefix}.attention.head_count_kv": config.kv_heads,
        f"{prefix}.attention.key_length": config.head_dim,
        f"{prefix}.attention.layer_norm_rms_epsilon": config.norm_epsilon,
        f"{prefix}.rope.freq_base": config.rope_theta,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": texts,
        "tokenizer.ggml.token_type": [3 if text.startswith("<|") else 1 for text in texts],
        "tokenizer.ggml.merges": [" ".join(merge) for merge in model["merges"]],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def add_field(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
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


@pytest.fixture
def write_gguf(tmp_path: Path) -> WriteGguf:
    """Write a model to a GGUF file.

    Takes its config and weights; `kind`, how matrices are stored; `fields`, which replace or, as None, remove
    metadata; `tensors`, likewise.
    """

    def write(
        config: DecoderConfig,
        weights: Mapping[str, FloatArray],
        *,
        kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
        fields: Mapping[str, Any] | None = None,
        tensors: Mapping[str, FloatArray | None] | None = None,
        architecture: str = "",
    ) -> Path:
        path = tmp_path / "model.gguf"
        writer = gguf.GGUFWriter(path, architecture or config.model_type)
        for key, value in (metadata(config) | dict(fields or {})).items():
            if value is not None:
                add_field(writer, key, value)
        stored: dict[str, FloatArray | None] = {}
        for name, weight in weights.items():
            rotary = config.model_type == "llama" and ("q_proj" in name or "k_proj" in name)
            heads = config.heads if "q_proj" in name else config.kv_heads
            stored[gguf_name(name)] = interleaved(weight, heads) if rotary else weight
        for name, tensor in (stored | dict(tensors or {})).items():
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

    return write
