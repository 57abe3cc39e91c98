"""The encoder's graph computes what BERT's equations say, and in integers nearly so."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import save_file

from edge_agent.slm.convert.encoder import build_encoder, convert_encoder
from orchestrator.errors import ModelUnsupported

HIDDEN, HEADS, LAYERS, VOCABULARY, PLACES = 96, 12, 2, 50, 20
Weights = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def weights() -> Weights:
    rng = np.random.default_rng(11)

    def linear(name: str, out: int, into: int) -> Weights:
        return {f"{name}.weight": rng.normal(0, into**-0.5, (out, into)), f"{name}.bias": rng.normal(0, 0.1, out)}

    def norm(name: str) -> Weights:
        return {
            f"{name}.LayerNorm.weight": rng.normal(1, 0.1, HIDDEN),
            f"{name}.LayerNorm.bias": rng.normal(0, 0.1, HIDDEN),
        }

    made = norm("embeddings")
    for name, rows in (("word", VOCABULARY), ("position", PLACES), ("token_type", 2)):
        made[f"embeddings.{name}_embeddings.weight"] = rng.normal(0, 1, (rows, HIDDEN))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            made |= linear(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        made |= linear(f"{name}.attention.output.dense", HIDDEN, HIDDEN) | norm(f"{name}.attention.output")
        made |= linear(f"{name}.intermediate.dense", 4 * HIDDEN, HIDDEN)
        made |= linear(f"{name}.output.dense", HIDDEN, 4 * HIDDEN) | norm(f"{name}.output")
    return {name: tensor.astype(np.float32) for name, tensor in made.items()}


def by_the_book(weights: Weights, tokens: list[int]) -> np.ndarray:
    """One sentence's last hidden states, in float64."""
    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return np.asarray(x * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"])

    gelu = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))))
    words, places, kinds = (w[f"embeddings.{n}_embeddings.weight"] for n in ("word", "position", "token_type"))
    x = norm("embeddings", words[tokens] + places[: len(tokens)] + kinds[0])
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        q, k, v = (
            dense(f"{name}.attention.self.{part}", x).reshape(len(tokens), HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1]))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(tokens), HIDDEN)
        x = norm(f"{name}.attention.output", dense(f"{name}.attention.output.dense", mixed) + x)
        x = norm(f"{name}.output", dense(f"{name}.output.dense", gelu(dense(f"{name}.intermediate.dense", x))) + x)
    return x


def run(weights: Weights, rows: list[list[int]], *, exact: bool) -> np.ndarray:
    graph = build_encoder(weights, exact=exact).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    tokens, mask = np.zeros((2, len(rows), max(map(len, rows))), np.int64)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids)], mask[row, : len(ids)] = ids, 1
    return np.asarray(session.run(None, {"input_ids": tokens, "attention_mask": mask})[0])


ROWS = [[1, 7, 30, 12, 2], [1, 9, 2]]


def test_the_exact_graph_is_bert_by_the_book(weights: Weights) -> None:
    made = run(weights, ROWS, exact=True)
    for row, tokens in zip(made, ROWS, strict=True):
        np.testing.assert_allclose(row[: len(tokens)], by_the_book(weights, tokens), atol=2e-4)


def test_in_integers_it_is_nearly_the_same_and_no_row_changes_another(weights: Weights) -> None:
    made = run(weights, ROWS, exact=False)
    for row, tokens in zip(made, ROWS, strict=True):
        wanted, got = by_the_book(weights, tokens), row[: len(tokens)]
        cosines = (wanted * got).sum(-1) / np.linalg.norm(wanted, axis=-1) / np.linalg.norm(got, axis=-1)
        assert cosines.min() > 0.99
        np.testing.assert_allclose(run(weights, [tokens], exact=False)[0], got, atol=1e-5)


def test_a_checkpoint_of_another_kind_is_refused(weights: Weights, tmp_path: Path) -> None:
    save_file(
        {"encoder.layer.0.output.dense.weight": weights["encoder.layer.0.output.dense.weight"]},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(ModelUnsupported, match="no encoder of BERT's kind"):
        convert_encoder(tmp_path, tmp_path / "model.onnx")


def test_a_checkpoint_becomes_a_graph(weights: Weights, tmp_path: Path) -> None:
    save_file(weights, tmp_path / "model.safetensors")
    convert_encoder(tmp_path, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_size < (tmp_path / "model.safetensors").stat().st_size / 3
