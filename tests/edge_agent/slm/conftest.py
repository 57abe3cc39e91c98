"""Small models with random weights, made once."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edge_agent.slm.convert.synthetic import tiny_config, write_synthetic_model
from edge_agent.slm.session import Session
from edge_agent.slm.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 300 tokens and a window of 512."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_synthetic_model(folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def slow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose window takes seconds to read: something to interrupt."""
    folder = tmp_path_factory.mktemp("models") / "slow"
    write_synthetic_model(folder, config=tiny_config(hidden_size=512, layers=4, context_length=4096))
    return folder


@pytest.fixture(scope="session")
def grown_graph(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph of `tiny_folder` as a foreign one: it does not say that past and present may share a buffer."""
    model = onnx.load(tiny_folder / "model.onnx")
    del model.metadata_props[:]
    path = tmp_path_factory.mktemp("grown") / "model.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def shared(tiny_folder: Path) -> Session:
    """A session whose caches are one buffer a layer."""
    return Session.open(tiny_folder / "model.onnx", threads=1)


@pytest.fixture(scope="session")
def grown(grown_graph: Path) -> Session:
    """A session over the same weights whose caches are grown outputs."""
    return Session.open(grown_graph, threads=1)


@pytest.fixture(scope="session")
def tokenizer(tiny_folder: Path) -> Tokenizer:
    """Every byte is a token; some pairs of letters are one."""
    return Tokenizer.open(tiny_folder / "tokenizer.json")
