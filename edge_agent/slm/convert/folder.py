"""Writes an installed-model folder in the hub's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import onnx
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, Weights
from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import Recipe
from edge_agent.slm.convert.tensors import ExternalTensors


def write_decoder(
    folder: Path,
    config: DecoderConfig,
    weights: Weights,
    recipe: Recipe,
    inputs: Mapping[str, FloatArray] = MappingProxyType({}),
) -> None:
    """Write `model.onnx`, its weights beside it in `model.onnx.data`, and `config.json`.

    `inputs` as in `build_decoder`.
    """
    # The products between two steps of rounding are small: more threads would mostly wait for each other, awake.
    with ExternalTensors(folder / "model.onnx.data") as store, threadpool_limits(1, "blas"):
        model = build_decoder(config, weights, recipe, store, inputs)
    onnx.save_model(model, folder / "model.onnx")
    write_json(folder / "config.json", config.as_hub())


def write_tokenizer(folder: Path, tokenizer: Tokenizer, settings: Mapping[str, object]) -> None:
    """Write `tokenizer.json` and, from `settings` (`chat_template`, `bos_token`, ...), `tokenizer_config.json`."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "tokenizer_config.json", {key: value for key, value in settings.items() if value is not None})


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write `content` as a person would want to read it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
