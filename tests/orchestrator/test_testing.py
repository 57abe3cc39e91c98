"""The public fakes keep the contracts of the ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from orchestrator.budget import Deadline
from orchestrator.errors import CloudTimeout, CloudTruncated, CloudUnavailable, ContextWindowExceeded
from orchestrator.privacy.egress import clear
from orchestrator.testing import (
    CONFIDENT,
    UNSURE,
    FakeMeter,
    ManualClock,
    Script,
    ScriptedCloudModel,
    ScriptedModel,
)
from orchestrator.types import Completed, FinishReason, Message, ModelEvent, Sampling, Started, TextDelta
from orchestrator.units import EnergySource

QUESTION = (Message("user", "what do bees make"),)


async def collect(events: AsyncIterator[ModelEvent]) -> list[ModelEvent]:
    return [event async for event in events]


def texts(events: Sequence[ModelEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


def completed(events: Sequence[ModelEvent]) -> Completed:
    return cast(Completed, events[-1])


def local(
    model: ScriptedModel, clock: ManualClock, *, total_ms: float | None = None, sampling: Sampling | None = None
) -> AsyncGenerator[ModelEvent, None]:
    deadline = Deadline.after(clock, total_ms)
    events = model.generate(QUESTION, sampling=sampling or Sampling(), deadline=deadline)
    return cast(AsyncGenerator[ModelEvent, None], events)


def cloud(model: ScriptedCloudModel, clock: ManualClock, *, total_ms: float | None = None) -> AsyncIterator[ModelEvent]:
    deadline = Deadline.after(clock, total_ms)
    return model.generate(
        clear(QUESTION, prefix="They ").outbound,
        request_id="r1",
        decision_id="d1",
        sampling=Sampling(),
        deadline=deadline,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_the_clock_moves_only_when_told(clock: ManualClock) -> None:
    before = clock.now()
    clock.advance(1.5)
    assert clock.monotonic() == 1.5
    assert clock.now() - before == timedelta(seconds=1.5)


def test_setting_the_wall_moves_no_monotonic_time(clock: ManualClock) -> None:
    clock.advance(1)
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.monotonic() == 1
    clock.advance(1)
    assert clock.now() == datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_sleepers_wake_in_order_of_time(clock: ManualClock) -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    async def everyone() -> None:
        await asyncio.gather(sleeper("late", 4), sleeper("often", 1, 2), sleeper("early", 2))

    asyncio.run(everyone())
    assert woken == [("often", 1), ("early", 2), ("often", 3), ("late", 4)]


def test_a_cancelled_sleeper_moves_no_time(clock: ManualClock) -> None:
    async def scenario() -> None:
        forever = asyncio.create_task(clock.sleep(float("inf")))
        long = asyncio.create_task(clock.sleep(100))
        await clock.sleep(1)
        long.cancel()
        forever.cancel()
        await asyncio.gather(long, forever, return_exceptions=True)
        await clock.sleep(1)

    asyncio.run(scenario())
    assert clock.monotonic() == 2


def test_a_script_is_played_in_its_time(clock: ManualClock) -> None:
    script = Script(
        pieces=["honey", " and", " wax"], scores=[UNSURE], first_token_ms=200, token_ms=50, bytes_per_token=7
    )
    events = asyncio.run(collect(local(ScriptedModel(clock, script), clock)))
    assert events[0] == Started("scripted-local")
    assert events[1] == TextDelta("honey", (UNSURE,), 7)
    assert events[2] == TextDelta(" and", (CONFIDENT,), 7)
    assert completed(events).finish_reason is FinishReason.STOP
    assert (completed(events).usage.prompt_tokens, completed(events).usage.completion_tokens) == (4, 3)
    assert clock.monotonic() == pytest.approx(0.3)


def test_it_stops_at_the_token_limit_and_at_the_deadline(clock: ManualClock) -> None:
    model = ScriptedModel(clock, Script(pieces=["a", "b", "c"], token_ms=100))
    short = asyncio.run(collect(local(model, clock, sampling=Sampling(max_tokens=2))))
    late = asyncio.run(collect(local(model, clock, total_ms=150)))
    assert (texts(short), completed(short).finish_reason) == (["a", "b"], FinishReason.LENGTH)
    assert (texts(late), completed(late).finish_reason) == (["a", "b"], FinishReason.DEADLINE)
    assert completed(late).usage.completion_tokens == 2


def test_the_last_script_repeats_and_every_question_is_recorded(clock: ManualClock) -> None:
    model = ScriptedModel(clock, Script(pieces=["one"]), Script(pieces=["two"]))
    answers = [texts(asyncio.run(collect(local(model, clock, sampling=Sampling(seed=n))))) for n in range(3)]
    assert answers == [["one"], ["two"], ["two"]]
    assert [asked.sampling.seed for asked in model.asked] == [0, 1, 2]
    assert model.asked[0].messages == QUESTION


def test_a_prompt_beyond_the_window_is_refused(clock: ManualClock) -> None:
    model = ScriptedModel(clock, Script(pieces=["a"]), context_tokens=4)
    with pytest.raises(ContextWindowExceeded, match="4 tokens of scripted-local"):
        asyncio.run(collect(local(model, clock)))


def test_a_stream_that_is_closed_early_counts_as_abandoned(clock: ManualClock) -> None:
    model = ScriptedModel(clock, Script(pieces=["a", "b"]))

    async def leave() -> None:
        async with aclosing(local(model, clock)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break

    asyncio.run(leave())
    assert model.abandoned == 1


def test_a_cloud_model_fails_where_the_script_says(clock: ManualClock) -> None:
    model = ScriptedCloudModel(clock, Script(pieces=["a", "b", "c"], fault=CloudUnavailable("gone"), fault_after=2))
    seen: list[ModelEvent] = []

    async def watch() -> None:
        async for event in cloud(model, clock):
            seen.append(event)  # noqa: PERF401  # what came before the fault is wanted

    with pytest.raises(CloudUnavailable, match="gone"):
        asyncio.run(watch())
    assert texts(seen) == ["a", "b"]


def test_a_fault_at_the_end_takes_the_place_of_the_last_event(clock: ManualClock) -> None:
    script = Script(pieces=["a", "b"], fault=CloudTruncated("no last event"), fault_after=2)
    with pytest.raises(CloudTruncated):
        asyncio.run(collect(cloud(ScriptedCloudModel(clock, script), clock)))


def test_a_cloud_model_times_out_at_the_deadline(clock: ManualClock) -> None:
    model = ScriptedCloudModel(clock, Script(pieces=["a"], first_token_ms=500))
    with pytest.raises(CloudTimeout, match="scripted-cloud"):
        asyncio.run(collect(cloud(model, clock, total_ms=200)))
    assert clock.monotonic() == pytest.approx(0.2)


def test_a_cloud_model_records_what_left_and_what_it_cost(clock: ManualClock) -> None:
    model = ScriptedCloudModel(clock, Script(pieces=["honey"], usd=0.25))
    events = asyncio.run(collect(cloud(model, clock)))
    assert completed(events).usd == 0.25
    assert events[1] == TextDelta("honey")
    assert (model.asked[0].request_id, model.asked[0].prefix) == ("r1", "They ")
    assert [turn.text for turn in model.asked[0].messages] == [turn.text for turn in QUESTION]


def test_the_meter_says_what_it_is_told(clock: ManualClock) -> None:
    meter = FakeMeter(clock, watts=2.0, joules_per_step=0.5, uncertainty_share=0.25, source=EnergySource.RAPL)
    span = meter.start()
    clock.advance(3)
    span.moved(1000)
    span.moved(0)
    assert span.read().joules == 7.0
    assert span.stop().uncertainty_joules == 1.75
    clock.advance(1)
    assert span.read() == span.stop()
    assert span.read().source is EnergySource.RAPL


def test_a_model_without_a_script_cannot_be() -> None:
    with pytest.raises(ValueError, match="script"):
        ScriptedModel(ManualClock())
