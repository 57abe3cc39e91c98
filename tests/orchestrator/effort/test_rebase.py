"""The tree search: steps, rewards, and a budget that is shared out exactly."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import Deadline
from orchestrator.effort.extraction import number
from orchestrator.effort.rebase import Rebase, one_step, shares, step_likelihood
from orchestrator.effort.sampling import Halt, Sample, Task
from orchestrator.testing import CONFIDENT, UNSURE, ManualClock, Script, ScriptedModel
from orchestrator.types import Completed, Message, ModelEvent, Sampling, TextDelta, TokenScore


def task(*scripts: Script, max_tokens: int = 40) -> tuple[ScriptedModel, Task]:
    clock = ManualClock()
    model = ScriptedModel(clock, *scripts)
    messages = (Message("user", "What is 17 + 26?"),)
    sampling = Sampling(temperature=0.7, max_tokens=max_tokens)
    return model, Task(model=model, messages=messages, sampling=sampling, deadline=Deadline.after(clock, None))


async def collect(search: Rebase, asked: Task) -> list[ModelEvent]:
    return [event async for event in search.run(asked, Halt())]


@given(st.lists(st.floats(0, 1), max_size=9), st.integers(0, 30))
def test_shares_spend_the_budget_and_follow_the_rewards(rewards: list[float], budget: int) -> None:
    given_out = shares(rewards, budget)
    assert sum(given_out) == (budget if rewards else 0)
    ranked = sorted(zip(rewards, given_out, strict=True))
    assert all(one[1] <= other[1] + 1 for one, other in itertools.pairwise(ranked))


def test_a_step_ends_with_its_line_or_sentence() -> None:
    for pieces, kept in [
        (["First 17", ". Then", " 26"], "First 17. "),
        (["\n", "a\n\nb"], "\na\n\n"),
        (["3", ".", "5 is"], "3.5 is"),
    ]:
        _, asked = task(Script(pieces=pieces))

        async def step(asked: Task = asked) -> list[ModelEvent]:
            return [event async for event in one_step(asked, {0: 10}, Sample(0))]

        events = asyncio.run(step())
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == kept
        assert isinstance(events[-1], Completed) == (kept == "3.5 is")


def test_a_likely_beginning_is_continued_and_an_unlikely_one_dropped() -> None:
    good = Script(pieces=["Add them.", " "], scores=[CONFIDENT, CONFIDENT])
    bad = Script(pieces=["Hm.", " "], scores=[TokenScore(-9, 1), TokenScore(-9, 1)])
    model, asked = task(good, bad, bad, Script(pieces=["So ", "43"]))
    search = Rebase(3, number)
    events = asyncio.run(collect(search, asked))
    assert [seen.prefix for seen in model.asked[:3]] == ["", "", ""]
    assert {seen.prefix for seen in model.asked[3:]} == {"Add them. "}
    assert len({seen.sampling.seed for seen in model.asked}) == len(model.asked)
    said = [event.text for event in events if isinstance(event, TextDelta) and event.text]
    assert said == ["Add them. So 43"]
    assert len(search.receipt.votes) == 1


def test_a_scorer_of_ones_own_decides_what_is_continued() -> None:
    scripts = [Script(pieces=[word, ". "], scores=[UNSURE] * 2) for word in ("one", "two")]
    model, asked = task(*scripts, Script(pieces=["43"]))
    asyncio.run(collect(Rebase(2, number, score=lambda step: float("two" in step.text)), asked))
    assert {seen.prefix for seen in model.asked[2:]} == {"two. "}


def test_rewards_are_of_the_latest_step() -> None:
    sample = Sample(0, tokens=[TokenScore(-9, 0), TokenScore(0, 0)], inherited=1)
    assert step_likelihood(sample) == 1.0
    assert step_likelihood(Sample(0)) == 0.0


@pytest.mark.parametrize("n", [1, 2, 5])
@given(words=st.lists(st.sampled_from(["a ", "b. ", "c\n", "7"]), max_size=30), most=st.integers(1, 12))
def test_no_more_tokens_than_as_many_answers_take(n: int, words: list[str], most: int) -> None:
    _, asked = task(Script(pieces=words), max_tokens=most)
    events = asyncio.run(collect(Rebase(n, number), asked))
    end = events[-1]
    assert isinstance(end, Completed)
    assert end.usage.completion_tokens <= n * most
