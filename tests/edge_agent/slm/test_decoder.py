"""Prefill and decode: however the work is cut, the answer is the same."""

from __future__ import annotations

import threading
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt, Interrupted
from edge_agent.slm.sampling import Floats, Sampler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.errors import ContextWindowExceeded, InferenceFailed
from orchestrator.types import Sampling

prompts = st.lists(st.integers(3, 299), min_size=1, max_size=60)


def decoder_of(session: Session, *, chunk_tokens: int = 128, window: int = 512) -> Decoder:
    return Decoder(session, window=window, weight_bytes=1000, chunk_tokens=chunk_tokens)


def uncached(session: Session, ids: list[int]) -> Floats:
    """Logits [S, V] of all tokens in one pass from nothing."""
    decoder = decoder_of(session)
    return decoder.forward(decoder.new_cache(), ids, Interrupt(), keep=len(ids))


def greedy(decoder: Decoder, prompt: list[int], count: int) -> list[int]:
    steps = decoder.steps(decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt())
    return [step.choice.token for step in islice((step for step in steps if step.choice), count) if step.choice]


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
    assert greedy(decoder_of(shared), ids, 12) == greedy(decoder_of(grown), ids, 12)


@given(prompt=prompts, chunk=st.integers(3, 64))
def test_the_size_of_the_chunks_changes_nothing(shared: Session, prompt: list[int], chunk: int) -> None:
    decoder = decoder_of(shared, chunk_tokens=chunk)
    steps = list(islice(decoder.steps(decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt()), 40))
    read = [step for step in steps if step.choice is None]
    assert len(read) == max(0, -(-len(prompt) // chunk) - 1) or len(prompt) % chunk == 1
    tokens = [step.choice.token for step in steps if step.choice][:8]
    assert tokens == greedy(decoder_of(shared), prompt, 8)


@given(first=prompts, second=prompts, common=prompts)
@pytest.mark.parametrize("kind", ["shared", "grown"])
def test_a_warm_cache_gives_what_a_fresh_one_gives(
    shared: Session, grown: Session, kind: str, first: list[int], second: list[int], common: list[int]
) -> None:
    decoder = decoder_of({"shared": shared, "grown": grown}[kind])
    cache = decoder.new_cache()
    for prompt in (common + first, common + second, common + second):
        steps = decoder.steps(cache, Sequence(prompt, Sampler(Sampling(temperature=0.8, seed=3))), Interrupt())
        fresh = decoder.steps(
            decoder.new_cache(), Sequence(prompt, Sampler(Sampling(temperature=0.8, seed=3))), Interrupt()
        )
        for warm_step, fresh_step in islice(zip(steps, fresh, strict=False), 10):
            assert warm_step.choice is not None
            assert fresh_step.choice is not None
            assert warm_step.choice.token == fresh_step.choice.token
            assert warm_step.choice.score.logprob == pytest.approx(fresh_step.choice.score.logprob, abs=1e-4)


def test_a_common_beginning_is_not_read_again(shared: Session) -> None:
    decoder = decoder_of(shared, chunk_tokens=16)
    cache, prompt = decoder.new_cache(), list(range(3, 203))
    assert next(decoder.steps(cache, Sequence(prompt, Sampler(Sampling())), Interrupt())).choice is None
    list(islice(decoder.steps(cache, Sequence(prompt, Sampler(Sampling())), Interrupt()), 20))
    again = decoder.steps(cache, Sequence([*prompt[:-3], 7, 8, 9], Sampler(Sampling())), Interrupt())
    assert next(again).choice is not None


def test_the_window_is_never_left(shared: Session) -> None:
    decoder = decoder_of(shared, window=20)
    steps = list(decoder.steps(decoder.new_cache(), Sequence([5] * 15, Sampler(Sampling())), Interrupt()))
    assert len(steps) == 6  # five passes, and the token that the last one promises
    with pytest.raises(ContextWindowExceeded, match="20 tokens in a window of 20"):
        next(decoder.steps(decoder.new_cache(), Sequence([5] * 20, Sampler(Sampling())), Interrupt()))


def test_a_pass_moves_the_weights_and_what_is_cached(shared: Session) -> None:
    decoder = decoder_of(shared, chunk_tokens=8)
    steps = list(islice(decoder.steps(decoder.new_cache(), Sequence([5] * 20, Sampler(Sampling())), Interrupt()), 4))
    held = [8, 16, 20, 21]
    assert [step.bytes_moved for step in steps] == [1000 + tokens * 256 for tokens in held]
    assert [step.choice is None for step in steps] == [True, True, False, False]


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


def test_logits_that_are_not_numbers(tmp_path: Path) -> None:
    write_synthetic_model(tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "model.norm.weight":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.nan, tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    session = Session.open(tmp_path / "model.onnx", threads=1)
    decoder = decoder_of(session)
    with pytest.raises(InferenceFailed, match="not numbers"):
        next(decoder.steps(decoder.new_cache(), Sequence([5, 6, 7], Sampler(Sampling())), Interrupt()))


def test_a_failure_of_the_runtime_is_typed(shared: Session) -> None:
    decoder = decoder_of(shared)
    with pytest.raises(InferenceFailed, match="ONNX Runtime failed"):
        decoder.forward(decoder.new_cache(), [5, 100_000], Interrupt())
