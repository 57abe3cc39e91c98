"""The model as the engine drives it: events, limits, deadlines, and letting go."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge_agent.slm.model import OnnxModel
from edge_agent.slm.prefixes import PrefixRoom
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.errors import ContextWindowExceeded, InferenceFailed, InvalidRequest, ModelNotFound
from orchestrator.ports import LocalModel
from orchestrator.types import (
    Completed,
    FinishReason,
    Message,
    ModelEvent,
    Sampling,
    Sensitivity,
    Started,
    TextDelta,
    TokenScore,
)

pytestmark = pytest.mark.anyio

NEVER = Deadline.after(SystemClock(), None)
QUESTION = (Message("user", "What do bees make?"),)


class HandClock:
    """Time that stands still until `pass_to`."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self._passed = asyncio.Event()

    def pass_to(self, at_s: float) -> None:
        self.at_s = at_s
        self._passed.set()

    def monotonic(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        await self._passed.wait()


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Iterator[OnnxModel]:
    with OnnxModel.open(tiny_folder, threads=1) as model:
        yield model


@pytest.fixture
def slow(slow_folder: Path) -> Iterator[OnnxModel]:
    with OnnxModel.open(slow_folder, threads=1) as model:
        yield model


async def ask(
    model: LocalModel,
    sampling: Sampling,
    *,
    messages: tuple[Message, ...] = QUESTION,
    deadline: Deadline = NEVER,
    prefix: str = "",
) -> tuple[str, list[TextDelta], Completed]:
    """The text, its deltas and the end; checks the order of events on the way."""
    events = [event async for event in model.generate(messages, sampling=sampling, deadline=deadline, prefix=prefix)]
    deltas, end = [event for event in events if isinstance(event, TextDelta)], events[-1]
    assert events[0] == Started(model.name)
    assert isinstance(end, Completed)
    assert len(deltas) == len(events) - 2
    assert sum(len(delta.tokens) for delta in deltas) == end.usage.completion_tokens
    return "".join(delta.text for delta in deltas), deltas, end


def chunks(answer: tuple[str, list[TextDelta], Completed]) -> int:
    """In how many parts a prompt was read before the one that gave the first token."""
    return next(at for at, delta in enumerate(answer[1]) if delta.tokens)


def scores(answer: tuple[str, list[TextDelta], Completed]) -> list[object]:
    """What the model thought of each token, to the bit."""
    return [delta.tokens for delta in answer[1] if delta.tokens]


def each_score(deltas: list[TextDelta]) -> list[TokenScore]:
    """The same token by token, however many came at once."""
    return [score for delta in deltas for score in delta.tokens]


def variant(tiny_folder: Path, folder: Path, **config: object) -> Path:
    """A copy of the tiny model with another configuration."""
    shutil.copytree(tiny_folder, folder)
    settings = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


async def test_an_answer(tiny: OnnxModel) -> None:
    text, deltas, end = await ask(tiny, Sampling(max_tokens=30))
    assert text
    assert end.finish_reason is FinishReason.LENGTH
    assert end.usage.prompt_tokens == tiny.count_tokens(QUESTION)
    assert end.usage.completion_tokens == 30
    for delta in deltas:
        assert all(score.logprob <= 0 and 0 <= score.entropy <= math.log(300) for score in delta.tokens)
    # A pass that gave several tokens is told once.
    assert 0 < sum(delta.bytes_moved > 0 for delta in deltas) <= len(deltas)


async def test_the_same_seed_gives_the_same_answer(tiny: OnnxModel) -> None:
    settings = Sampling(temperature=1.0, top_p=0.95, seed=7, max_tokens=40)
    (one, deltas, end), (again, others, end_again) = await ask(tiny, settings), await ask(tiny, settings)
    assert (one, end.usage) == (again, end_again.usage)
    # How many tokens a pass gives follows the time that passes take; what it gives does not.
    assert each_score(deltas) == each_score(others)
    other = Sampling(temperature=1.0, top_p=0.95, seed=8, max_tokens=40)
    assert (await ask(tiny, settings))[0] != (await ask(tiny, other))[0]


async def test_what_was_asked_before_changes_nothing(tiny: OnnxModel, tiny_folder: Path) -> None:
    turns = (*QUESTION, Message("assistant", "Honey."), Message("user", "And wasps?"))
    await ask(tiny, Sampling(max_tokens=20))
    warm = await ask(tiny, Sampling(max_tokens=40), messages=turns)
    with OnnxModel.open(tiny_folder, threads=1) as fresh:
        assert (await ask(fresh, Sampling(max_tokens=40), messages=turns))[0] == warm[0]


async def test_two_at_once_do_not_mix(tiny: OnnxModel) -> None:
    other = (Message("user", "Name a river."),)
    apart = [await ask(tiny, Sampling(max_tokens=20), messages=turns) for turns in (QUESTION, other)]
    asked = (ask(tiny, Sampling(max_tokens=20), messages=turns) for turns in (QUESTION, other))
    together = await asyncio.gather(*asked)
    assert [text for text, _, _ in together] == [text for text, _, _ in apart]


async def test_a_conversation_that_was_put_aside_is_not_read_again(tiny: OnnxModel, tiny_folder: Path) -> None:
    short, long = Sampling(max_tokens=8), (Message("user", "What do bees make? " * 12),)
    turns = (*long, Message("assistant", "Honey."), Message("user", "And wasps?"))
    assert chunks(await ask(tiny, short, messages=long)) > 0
    assert chunks(await ask(tiny, short)) == 0
    warm = await ask(tiny, short, messages=turns)
    assert chunks(warm) == 0
    with OnnxModel.open(tiny_folder, threads=1) as fresh:
        cold = await ask(fresh, short, messages=turns)
    assert chunks(cold) > 0
    assert (texts := [text for text, _, _ in (warm, cold)])[0] == texts[1]
    assert scores(warm) == scores(cold)


async def test_a_system_prompt_outlives_the_process(tiny_folder: Path, tmp_path: Path) -> None:
    folder, room = variant(tiny_folder, tmp_path / "model"), PrefixRoom(folder=tmp_path / "saved")
    (folder / "edgewise.json").write_text('{"name": "tiny"}')
    system = Message("system", "You know all about bees, and you say it in few words. " * 4)
    answers = []
    for question in ("What do bees make?", "What do wasps make?", "What do bees make?"):
        with OnnxModel.open(folder, threads=1, prefixes=room) as model:
            answers.append(await ask(model, Sampling(max_tokens=8), messages=(system, Message("user", question))))
    (file,) = (tmp_path / "saved").iterdir()
    assert [chunks(answer) for answer in answers] == [1, 0, 0]
    assert scores(answers[0]) == scores(answers[2])
    file.write_bytes(file.read_bytes()[:-500])
    with OnnxModel.open(folder, threads=1, prefixes=room) as model:
        again = await ask(model, Sampling(max_tokens=8), messages=(system, Message("user", "What do bees make?")))
    assert (chunks(again), scores(again)) == (1, scores(answers[0]))


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
async def test_a_system_message_that_is_not_public_is_not_saved(
    tiny_folder: Path, tmp_path: Path, label: Sensitivity
) -> None:
    folder = variant(tiny_folder, tmp_path / "model")
    (folder / "edgewise.json").write_text('{"name": "tiny"}')
    with OnnxModel.open(folder, threads=1, prefixes=PrefixRoom(folder=tmp_path / "saved")) as model:
        await ask(model, Sampling(max_tokens=4), messages=(Message("system", "Ann is 41.", label), *QUESTION))
    assert not (tmp_path / "saved").exists()


async def test_what_was_forgotten_is_read_again(tiny: OnnxModel) -> None:
    long = (Message("user", "The PIN of my card is 1234, do not tell. " * 6),)
    before = await ask(tiny, Sampling(max_tokens=4), messages=long)
    assert chunks(await ask(tiny, Sampling(max_tokens=4), messages=long)) == 0
    await ask(tiny, Sampling(max_tokens=4))
    await tiny.forget()
    after = await ask(tiny, Sampling(max_tokens=4), messages=long)
    assert chunks(after) == chunks(before) > 0
    assert scores(after) == scores(before)


async def test_the_end_token_ends_it_and_is_not_shown(tiny: OnnxModel, tiny_folder: Path, tmp_path: Path) -> None:
    whole, _, _ = await ask(tiny, Sampling(max_tokens=30))
    generated = await greedy_ids(tiny_folder, 30)
    ending = next(token for at, token in enumerate(generated) if at >= 5 and token not in generated[:at])
    with OnnxModel.open(variant(tiny_folder, tmp_path / "ending", eos_token_id=[2, ending]), threads=1) as model:
        text, deltas, end = await ask(model, Sampling(max_tokens=30))
    assert end.finish_reason is FinishReason.STOP
    assert end.usage.completion_tokens == generated.index(ending) + 1
    assert whole.startswith(text.rstrip("\ufffd"))
    assert deltas


async def greedy_ids(folder: Path, count: int) -> list[int]:
    """The ids behind a greedy answer, from the parts below the model."""
    from edge_agent.slm.decoder import Decoder
    from edge_agent.slm.interrupt import Interrupt
    from edge_agent.slm.run import steps_of
    from edge_agent.slm.sampling import Sampler
    from edge_agent.slm.sequence import Sequence
    from edge_agent.slm.session import Session
    from edge_agent.slm.tokenizer import Tokenizer

    session = Session.open(folder / "model.onnx", threads=1)
    decoder = Decoder(session, window=512, weight_bytes=0)
    text = "<|im_start|>user\nWhat do bees make?<|im_end|>\n<|im_start|>assistant\n"
    prompt = Tokenizer.open(folder / "tokenizer.json").encode(text)
    steps = steps_of(decoder, decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt())
    return [step.choice.token for step, _ in zip(steps, range(count), strict=False) if step.choice]


async def test_a_stop_string_ends_it(tiny: OnnxModel) -> None:
    whole, _, _ = await ask(tiny, Sampling(max_tokens=60))
    stop = whole[len(whole) // 2 :][:3]
    text, _, end = await ask(tiny, Sampling(max_tokens=60, stop=(stop,)))
    assert text == whole[: whole.index(stop)]
    assert end.finish_reason is FinishReason.STOP


async def test_the_window_caps_the_answer(tiny: OnnxModel, tiny_folder: Path) -> None:
    prompt = tiny.count_tokens(QUESTION)
    with OnnxModel.open(tiny_folder, threads=1, context_tokens=prompt + 5) as narrow:
        assert narrow.context_tokens == prompt + 5
        _, _, end = await ask(narrow, Sampling(max_tokens=1000))
        assert end.finish_reason is FinishReason.LENGTH
        assert end.usage.completion_tokens == 5
    with OnnxModel.open(tiny_folder, threads=1, context_tokens=10_000) as wide:
        assert wide.context_tokens == 512


async def test_a_rolling_answer_outgrows_the_window_and_says_so(tiny: OnnxModel, tiny_folder: Path) -> None:
    prompt = tiny.count_tokens(QUESTION)
    with OnnxModel.open(tiny_folder, threads=1, context_tokens=prompt + 30, rolling=True) as narrow:
        _, _, within = await ask(narrow, Sampling(max_tokens=31))
        _, _, beyond = await ask(narrow, Sampling(max_tokens=200))
    assert (within.usage.completion_tokens, within.usage.dropped_tokens) == (31, 0)
    assert (beyond.finish_reason, beyond.usage.completion_tokens) == (FinishReason.LENGTH, 200)
    assert 170 <= beyond.usage.dropped_tokens < 200 + prompt


async def test_a_prompt_beyond_the_window_names_both_numbers(tiny_folder: Path) -> None:
    with OnnxModel.open(tiny_folder, threads=1, context_tokens=20) as narrow:
        tokens = narrow.count_tokens(QUESTION)
        with pytest.raises(ContextWindowExceeded, match=rf"{tokens} tokens; the window of tiny holds 20"):
            await ask(narrow, Sampling())


async def test_it_goes_on_behind_a_prefix(tiny: OnnxModel) -> None:
    text, _, _ = await ask(tiny, Sampling(max_tokens=12))
    shown = text.rstrip("\ufffd")[:3]
    rest, _, end = await ask(tiny, Sampling(max_tokens=12), prefix=shown)
    assert not rest.startswith(shown)
    assert end.usage.prompt_tokens == tiny.count_tokens(QUESTION, prefix=shown)
    assert tiny.count_tokens(QUESTION, prefix="Bees make") == tiny.count_tokens(QUESTION, prefix="Bees make  ")


async def test_a_deadline_in_the_past_costs_no_token(tiny: OnnxModel) -> None:
    text, _, end = await ask(tiny, Sampling(), deadline=Deadline.after(SystemClock(), 0))
    assert (text, end.finish_reason, end.usage.completion_tokens) == ("", FinishReason.DEADLINE, 0)


async def test_a_deadline_in_mid_stream_keeps_what_there_is(slow: OnnxModel) -> None:
    clock = HandClock()
    deltas: list[TextDelta] = []
    async for event in slow.generate(QUESTION, sampling=Sampling(max_tokens=4000), deadline=Deadline(clock, 1.0)):
        if isinstance(event, TextDelta) and len(deltas) < 3:
            deltas.append(event)
            if len(deltas) == 3:
                clock.pass_to(2.0)
    assert isinstance(event, Completed)
    assert event.finish_reason is FinishReason.DEADLINE
    assert 3 <= event.usage.completion_tokens < 4000


async def test_a_deadline_holds_in_the_queue(slow: OnnxModel) -> None:
    clock = HandClock()
    async with aclosing(stream(slow, Sampling(max_tokens=4000), NEVER)) as first:
        await anext(first)
        await anext(first)
        waiting = asyncio.create_task(ask(slow, Sampling(), deadline=Deadline(clock, 1.0)))
        await asyncio.sleep(0)
        clock.pass_to(1.0)
        text, _, end = await waiting
        assert (text, end.finish_reason, end.usage.prompt_tokens) == ("", FinishReason.DEADLINE, 0)


def stream(
    model: OnnxModel, sampling: Sampling, deadline: Deadline, words: int = 5
) -> AsyncGenerator[ModelEvent, None]:
    """An answer to a question of about `words` tokens."""
    return model.generate((Message("user", " the" * words),), sampling=sampling, deadline=deadline)


@pytest.mark.parametrize("words", [5, 1500], ids=["decode", "prefill"])
async def test_closing_lets_go_at_once(slow: OnnxModel, words: int) -> None:
    """The next question would otherwise wait for thousands of tokens."""
    answer = stream(slow, Sampling(max_tokens=4000), NEVER, words)
    await anext(answer)
    await anext(answer)
    await answer.aclose()
    _, _, end = await ask(slow, Sampling(max_tokens=2))
    assert end.usage.completion_tokens == 2


async def test_cancelling_the_reader_lets_go(slow: OnnxModel) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in slow.generate(QUESTION, sampling=Sampling(max_tokens=4000), deadline=NEVER):
            begun.set()

    reader = asyncio.create_task(read())
    await begun.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert (await ask(slow, Sampling(max_tokens=2)))[2].usage.completion_tokens == 2


async def test_what_is_withdrawn_before_its_turn_never_runs(slow: OnnxModel) -> None:
    async with aclosing(stream(slow, Sampling(max_tokens=4000), NEVER)) as first:
        await anext(first)
        second = stream(slow, Sampling(max_tokens=4000), NEVER)
        assert isinstance(await anext(second), Started)
        await second.aclose()


async def test_logits_that_are_not_numbers_fail_once_and_typed(tiny_folder: Path, tmp_path: Path) -> None:
    folder = variant(tiny_folder, tmp_path / "broken")
    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "model.norm.weight":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.nan, tensor.name))
    onnx.save(model, folder / "model.onnx")
    with OnnxModel.open(folder, threads=1) as broken:
        for _ in range(2):
            with pytest.raises(InferenceFailed, match="not numbers"):
                await ask(broken, Sampling())


async def test_sampling_out_of_range_is_refused_before_anything_runs(tiny: OnnxModel) -> None:
    with pytest.raises(InvalidRequest, match="top_p"):
        await ask(tiny, Sampling(top_p=2))


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="edgewise models pull missing"):
        OnnxModel.open(tmp_path / "missing")


@pytest.mark.model
async def test_the_real_model_answers_and_ends_by_itself(smollm2: Path) -> None:
    with OnnxModel.open(smollm2) as model:
        assert (model.name, model.context_tokens) == ("smollm2-135m-instruct", 8192)
        text, _, end = await ask(
            model, Sampling(max_tokens=40), messages=(Message("user", "Name the capital of France."),)
        )
    assert "Paris" in text
    assert "<|" not in text
    assert end.finish_reason is FinishReason.STOP


@pytest.mark.model
async def test_the_real_model_says_the_same_wherever_it_takes_up_a_prompt(smollm2: Path) -> None:
    """To the bit: products with integers and attention round alike, however a prompt was cut into passes."""
    text = "The keeper of the bees walks to his hive in the morning and counts what they have brought. " * 8
    whole = (Message("user", text),)
    with OnnxModel.open(smollm2) as model:
        cold = await ask(model, Sampling(max_tokens=4), messages=whole)
        for cut in (15, 387, len(text) - 2):
            await model.forget()
            await ask(model, Sampling(max_tokens=1), messages=(Message("user", text[:cut] + " or not?"),))
            warm = await ask(model, Sampling(max_tokens=4), messages=whole)
            assert scores(warm) == scores(cold)
