"""One sequence, a pass at a time: however the work is cut, the answer is the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.run import Run, Step, steps_of
from edge_agent.slm.sampling import Sampler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.errors import ContextWindowExceeded, InferenceFailed
from orchestrator.types import Sampling

prompts = st.lists(st.integers(3, 299), min_size=1, max_size=60)


def decoder_of(session: Session, *, chunk_tokens: int = 128, window: int = 512) -> Decoder:
    return Decoder(session, window=window, weight_bytes=1000, chunk_tokens=chunk_tokens)


def greedy(decoder: Decoder, prompt: list[int], count: int) -> list[int]:
    made = steps_of(decoder, decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt())
    return [step.choice.token for step in islice((step for step in made if step.choice), count) if step.choice]


@given(prompt=prompts, chunk=st.integers(3, 64))
def test_the_size_of_the_chunks_changes_nothing(shared: Session, prompt: list[int], chunk: int) -> None:
    decoder = decoder_of(shared, chunk_tokens=chunk)
    made = list(islice(steps_of(decoder, decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt()), 40))
    read = [step for step in made if step.choice is None]
    assert len(read) == max(0, -(-len(prompt) // chunk) - 1) or len(prompt) % chunk == 1
    tokens = [step.choice.token for step in made if step.choice][:8]
    assert tokens == greedy(decoder_of(shared), prompt, 8)


@given(first=prompts, second=prompts, common=prompts)
@pytest.mark.parametrize("kind", ["shared", "grown"])
def test_a_warm_cache_gives_what_a_fresh_one_gives(
    shared: Session, grown: Session, kind: str, first: list[int], second: list[int], common: list[int]
) -> None:
    decoder = decoder_of({"shared": shared, "grown": grown}[kind])
    cache = decoder.new_cache()
    for prompt in (common + first, common + second, common + second):
        made = steps_of(decoder, cache, Sequence(prompt, Sampler(Sampling(temperature=0.8, seed=3))), Interrupt())
        fresh = steps_of(
            decoder, decoder.new_cache(), Sequence(prompt, Sampler(Sampling(temperature=0.8, seed=3))), Interrupt()
        )
        for warm_step, fresh_step in islice(zip(made, fresh, strict=False), 10):
            assert warm_step.choice is not None
            assert fresh_step.choice is not None
            assert warm_step.choice.token == fresh_step.choice.token
            assert warm_step.choice.score.logprob == pytest.approx(fresh_step.choice.score.logprob, abs=1e-4)


def test_a_common_beginning_is_not_read_again(shared: Session) -> None:
    decoder = decoder_of(shared, chunk_tokens=16)
    cache, prompt = decoder.new_cache(), list(range(3, 203))
    assert next(steps_of(decoder, cache, Sequence(prompt, Sampler(Sampling())), Interrupt())).choice is None
    list(islice(steps_of(decoder, cache, Sequence(prompt, Sampler(Sampling())), Interrupt()), 20))
    again = steps_of(decoder, cache, Sequence([*prompt[:-3], 7, 8, 9], Sampler(Sampling())), Interrupt())
    assert next(again).choice is not None


def test_the_window_is_never_left(shared: Session) -> None:
    decoder = decoder_of(shared, window=20)
    made = list(steps_of(decoder, decoder.new_cache(), Sequence([5] * 15, Sampler(Sampling())), Interrupt()))
    assert len(made) == 6  # five passes, and the token that the last one promises
    with pytest.raises(ContextWindowExceeded, match="20 tokens in a window of 20"):
        next(steps_of(decoder, decoder.new_cache(), Sequence([5] * 20, Sampler(Sampling())), Interrupt()))


def test_a_pass_moves_the_weights_and_what_is_cached(shared: Session) -> None:
    decoder = decoder_of(shared, chunk_tokens=8)
    made = list(islice(steps_of(decoder, decoder.new_cache(), Sequence([5] * 20, Sampler(Sampling())), Interrupt()), 4))
    held = [8, 16, 20, 21]
    assert [step.bytes_moved for step in made] == [1000 + tokens * 256 for tokens in held]
    assert [step.choice is None for step in made] == [True, True, False, False]


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
        next(steps_of(decoder, decoder.new_cache(), Sequence([5, 6, 7], Sampler(Sampling())), Interrupt()))


@given(prompt=st.lists(st.integers(3, 299), min_size=2, max_size=39), seed=st.integers(0, 9))
def test_a_rolling_cache_goes_on_as_behind_what_it_keeps(shared: Session, prompt: list[int], seed: int) -> None:
    """At the edge of a window of 40: the first 5 tokens and the latest 15, as if just these had been asked."""
    decoder, sampling = decoder_of(shared, window=40), Sampling(temperature=1.0, seed=seed)
    sequence = Sequence(prompt, Sampler(sampling))
    run = Run(decoder, decoder.new_cache(), sequence, rolling=True)
    until = 41 - len(prompt)  # the token that the last pass promises has no place
    made = list(islice(steps(run), until))
    assert made[-1].dropped == 0
    whole = list(sequence.tokens)
    kept = whole[:5] + whole[-15:]
    sampler = Sampler(sampling)
    for _ in range(until):
        sampler.choose(np.zeros(300, np.float32))  # as many random numbers as were drawn
    alone = steps_of(decoder_of(shared, window=512), decoder.new_cache(), Sequence(kept, sampler), Interrupt())
    wanted = [step.choice.token for step in islice(alone, 20) if step.choice]
    rest = [step for step in islice(steps(run), 20) if step.choice]
    assert [step.choice.token for step in rest if step.choice] == wanted
    assert {step.dropped for step in rest} == {len(whole) - len(kept)}


def test_a_rolling_answer_has_no_end(shared: Session) -> None:
    decoder = decoder_of(shared, window=32)
    run = Run(decoder, decoder.new_cache(), Sequence([5] * 8, Sampler(Sampling(temperature=1.5))), rolling=True)
    made = list(islice(steps(run), 200))
    assert len(run.sequence.tokens) == 208
    assert len(run.cache) <= 32
    assert made[-1].dropped > 150


def steps(run: Run) -> Iterator[Step]:
    while True:
        yield from run.read(Interrupt()) if run.unread else run.write(Interrupt())
