"""Leaving layers out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.slm.convert.checkpoint import open_checkpoint
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.convert.pruned import PrunedCheckpoint
from edge_agent.slm.convert.synthetic import random_weights, tiny_config
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.providers import CPU
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.opening import open_draft
from orchestrator.errors import InvalidRequest

CONFIG = tiny_config(layers=5)


@pytest.fixture
def path(write_gguf: Callable[..., Path]) -> Path:
    """A file of five layers."""
    return write_gguf(CONFIG, random_weights(CONFIG, np.random.default_rng(0)))


def test_the_layers_that_are_kept_are_the_original_ones(path: Path) -> None:
    whole = open_checkpoint(path)
    pruned = PrunedCheckpoint(whole, [0, 3, 4])
    assert pruned.config.layers == 3
    assert set(pruned.weights) == set(pruned.config.weight_shapes())
    assert len(pruned.weights) == len(pruned.config.weight_shapes())
    name = "model.layers.{}.mlp.up_proj.weight"
    for new, old in ((0, 0), (1, 3), (2, 4)):
        np.testing.assert_array_equal(pruned.weights[name.format(new)], whole.weights[name.format(old)])
        assert pruned.weights.stored_bytes(name.format(new)) == whole.weights.stored_bytes(name.format(old))
    np.testing.assert_array_equal(pruned.weights["model.norm.weight"], whole.weights["model.norm.weight"])


def test_a_pruned_model_runs_and_has_the_same_vocabulary(path: Path, tmp_path: Path) -> None:
    whole, small = tmp_path / "whole", tmp_path / "small"
    convert(path, whole, recipe="exact")
    convert(path, small, recipe="exact", layers=[1])
    session = Session.open(small / "model.onnx", threads=1, providers=CPU)
    decoder = Decoder(session, window=64, weight_bytes=0)
    assert np.isfinite(decoder.forward(decoder.new_cache(), [5, 6, 7], Interrupt())).all()
    assert len(session.signature.past) == 2
    open_draft(small, whole, threads=1, providers=CPU)


@pytest.mark.parametrize("layers", [[], [2, 1], [1, 1], [5], [-1]])
def test_layers_that_are_not_there_are_refused(path: Path, layers: list[int]) -> None:
    with pytest.raises(InvalidRequest, match="cannot be kept"):
        PrunedCheckpoint(open_checkpoint(path), layers)
