"""The embedding model: the real one, and what is no such model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.embedder import SentenceEmbedder
from orchestrator.errors import ModelCorrupt, ModelNotFound


@pytest.mark.model
def test_like_meanings_are_close_and_a_batch_changes_little(minilm: Path) -> None:
    embedder = SentenceEmbedder.open(minilm)
    texts = ["I moved to Lisbon last spring.", "Where do I live now?", "The recipe needs three eggs.", ""]
    together = embedder.embed(texts)
    assert together.shape == (4, embedder.dimensions)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert together[0] @ together[1] > together[2] @ together[1] + 0.1
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5), "a vector does not depend on what is embedded beside it"
    many = [f"{text * (1 + number)} {number}" for number in range(20) for text in texts]  # one fills a pass, or many do
    assert np.allclose(embedder.embed(many), SentenceEmbedder.open(minilm, threads=2).embed(many), atol=1e-5)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"model\.onnx is missing"):
        SentenceEmbedder.open(tmp_path)


def test_garbage_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelCorrupt, match="cannot be loaded"):
        SentenceEmbedder.open(tmp_path)
