"""Which passes give the same bits: what is probed is what whole answers show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rounding import Rounding, batch_difference, draft_difference
from edge_agent.slm.run import Run
from edge_agent.slm.sampling import Sampler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.types import Sampling


@pytest.mark.parametrize("kind", ["shared", "grown"])
def test_what_is_said_to_round_alike_does(kind: str, request: pytest.FixtureRequest) -> None:
    session: Session = request.getfixturevalue(kind)
    decoder = Decoder(session, window=512, weight_bytes=0)
    difference = draft_difference(decoder)
    assert np.isfinite(difference)
    assert 0.0 <= difference < 1e-3  # no activation of these models is rounded to eight bits
    assert Rounding(decoder).drafts == (difference == 0.0)


def test_a_batch_is_used_where_it_rounds_as_each_alone(shared: Session) -> None:
    decoder = Decoder(shared, window=512, weight_bytes=0)
    assert 0.0 <= batch_difference(decoder) < 1e-3
    assert Rounding(decoder).batches == (batch_difference(decoder) == 0.0)


def test_a_graph_that_returns_its_cache_is_never_batched(grown: Session) -> None:
    assert not Rounding(Decoder(grown, window=512, weight_bytes=0)).batches


def test_a_graph_that_takes_one_sequence_is_never_batched(tiny_folder: Path, tmp_path: Path) -> None:
    graph = onnx.load(tiny_folder / "model.onnx")
    for value in graph.graph.input:
        if value.name == "input_ids":
            value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(graph, tmp_path / "model.onnx")
    decoder = Decoder(Session.open(tmp_path / "model.onnx", threads=1), window=512, weight_bytes=0)
    assert decoder.batches
    assert not Rounding(decoder).batches


@pytest.mark.model
def test_with_a_spare_place_drafts_are_exact(smollm2: Path) -> None:
    files = ModelFolder(smollm2)
    session = Session.open(files.graph, threads=2, sizes=files.sizes)
    decoder = Decoder(session, window=512, weight_bytes=0, steady=True)
    assert draft_difference(decoder) == 0.0
    assert not Rounding(decoder).batches, "the operator takes several sequences one token at a time"
    assert batch_difference(Decoder(session, window=512, weight_bytes=0)) == 0.0


@pytest.mark.model
def test_what_the_probe_says_of_a_real_model_holds_for_long_texts(smollm2: Path) -> None:
    """Behind 30, 200 and 700 tokens, where other kernels and other sizes of blocks may come in."""
    files = ModelFolder(smollm2)
    session = Session.open(files.graph, threads=2, sizes=files.sizes)
    decoder = Decoder(session, window=1024, weight_bytes=0)
    rounding, rng = Rounding(decoder), np.random.default_rng(0)
    rows = decoder.new_rows(3)
    caches = [rows.open() for _ in range(3)]
    for cache, length in zip(caches, (700, 30, 200), strict=True):
        run = Run(decoder, cache, Sequence(rng.integers(100, 40_000, length).tolist(), Sampler(Sampling())))
        while run.unread:
            run.read(Interrupt())
    alone = []
    for cache in caches:
        alone.append(decoder.forward(cache, [500], Interrupt())[0])
        cache.truncate(len(cache) - 1)
    together = []
    for cache in caches:
        together.append(decoder.forward(cache, [500, 600, 700], Interrupt(), keep=3)[0])
        cache.truncate(len(cache) - 3)
    batch = decoder.forward_batch(rows, caches, [500] * 3, Interrupt())
    if rounding.batches:
        np.testing.assert_array_equal(batch, alone)
    if rounding.drafts:
        np.testing.assert_array_equal(together, alone)


@pytest.mark.model
def test_with_a_spare_place_long_texts_are_exact_too(smollm2: Path) -> None:
    files = ModelFolder(smollm2)
    session = Session.open(files.graph, threads=2, sizes=files.sizes)
    decoder, rng = Decoder(session, window=1024, weight_bytes=0, steady=True), np.random.default_rng(1)
    for length in (30, 200, 700):
        tokens = rng.integers(100, 40_000, length + 5).tolist()
        alone, together = decoder.new_cache(), decoder.new_cache()
        for cache in (alone, together):
            while len(cache) < length:
                decoder.read(cache, tokens[:length], Interrupt())
        rows = decoder.forward(together, tokens[length:], Interrupt(), keep=5)
        ones = [decoder.forward(alone, [token], Interrupt())[0] for token in tokens[length:]]
        np.testing.assert_array_equal(rows, ones)
