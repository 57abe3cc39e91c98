"""Passes: however the work is cut, the logits are the same."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt, Interrupted
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from orchestrator.errors import InferenceFailed

prompts = st.lists(st.integers(3, 299), min_size=1, max_size=60)


def decoder_of(session: Session, *, chunk_tokens: int = 128, window: int = 512) -> Decoder:
    return Decoder(session, window=window, weight_bytes=1000, chunk_tokens=chunk_tokens)


def uncached(session: Session, ids: list[int]) -> Floats:
    """Logits [S, V] of all tokens in one pass from nothing."""
    decoder = decoder_of(session)
    return decoder.forward(decoder.new_cache(), ids, Interrupt(), keep=len(ids))


@given(ids=prompts, cuts=st.sets(st.integers(1, 59)))
@pytest.mark.parametrize("kind", ["shared", "grown"])
def test_cached_equals_uncached(shared: Session, grown: Session, kind: str, ids: list[int], cuts: set[int]) -> None:
    session = {"shared": shared, "grown": grown}[kind]
    decoder, places = decoder_of(session), [0, *sorted(cut for cut in cuts if cut < len(ids)), len(ids)]
    cache, rows = decoder.new_cache(), []
    for start, end in pairwise(places):
        rows.append(decoder.forward(cache, ids[start:end], Interrupt(), keep=end - start).copy())
    np.testing.assert_allclose(np.concatenate(rows), uncached(session, ids), atol=2e-4)


@given(ids=prompts)
def test_a_shared_buffer_equals_grown_outputs(shared: Session, grown: Session, ids: list[int]) -> None:
    np.testing.assert_allclose(uncached(shared, ids), uncached(grown, ids), atol=1e-5)


def test_a_pass_can_be_stopped_in_the_middle(slow_folder: Path) -> None:
    session = Session.open(slow_folder / "model.onnx", threads=1)
    decoder = decoder_of(session, window=4096)
    cache, interrupt = decoder.new_cache(), Interrupt()
    decoder.forward(cache, [5] * 10, Interrupt())
    timer = threading.Timer(0.05, interrupt.set)
    timer.start()
    with pytest.raises(Interrupted):
        decoder.forward(cache, [6] * 4000, interrupt)
    timer.join()
    assert cache.tokens == [5] * 10
    whole = decoder.forward(decoder.new_cache(), [5] * 10 + [7, 8], Interrupt())
    np.testing.assert_allclose(decoder.forward(cache, [7, 8], Interrupt()), whole, atol=1e-4)
    with pytest.raises(Interrupted):
        decoder.forward(cache, [9], interrupt)


def test_a_failure_of_the_runtime_is_typed(shared: Session) -> None:
    decoder = decoder_of(shared)
    with pytest.raises(InferenceFailed, match="ONNX Runtime failed"):
        decoder.forward(decoder.new_cache(), [5, 100_000], Interrupt())


@given(texts=st.lists(prompts, min_size=1, max_size=4), news=st.lists(st.integers(3, 299), min_size=4, max_size=4))
def test_a_batch_equals_passes_over_each(shared: Session, texts: list[list[int]], news: list[int]) -> None:
    decoder = decoder_of(shared)
    rows = decoder.new_rows(4)
    caches = [rows.open() for _ in texts]
    for cache, text in zip(caches, texts, strict=True):
        decoder.forward(cache, text, Interrupt())
    logits = decoder.forward_batch(rows, caches, news[: len(texts)], Interrupt())
    for cache, text, new, row in zip(caches, texts, news, logits, strict=False):
        assert cache.tokens == [*text, new]
        np.testing.assert_allclose(row, uncached(shared, [*text, new])[-1], atol=2e-4)


def test_a_batch_that_was_stopped_changes_no_cache(shared: Session) -> None:
    decoder, interrupt = decoder_of(shared), Interrupt()
    rows = decoder.new_rows(2)
    caches = [rows.open(), rows.open()]
    for cache in caches:
        decoder.forward(cache, [5, 6, 7], Interrupt())
    interrupt.set()
    with pytest.raises(Interrupted):
        decoder.forward_batch(rows, caches, [8, 9], interrupt)
    assert [cache.tokens for cache in caches] == [[5, 6, 7]] * 2
