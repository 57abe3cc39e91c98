"""One request id, one run, one bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from cloud_gateway.runs import Runs, Turn
from cloud_gateway.sections.replay import ReplaySection
from orchestrator import errors
from orchestrator.budget.deadline import Deadline
from orchestrator.chat import Chat
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.testing import ManualClock
from orchestrator.types import Completed, FinishReason, ModelEvent, Sampling, Started, TextDelta, Usage

pytestmark = pytest.mark.anyio
CHAT = Chat(model="m", messages=(OutboundMessage("user", arrived("Hi")),), sampling=Sampling())
OTHER = Chat(model="m", messages=(OutboundMessage("user", arrived("Ho")),), sampling=Sampling())
KEY = ("caller", "request")
RECEIPT = Completed(Usage(1, 2), FinishReason.STOP)
WHOLE: list[ModelEvent] = [Started("m"), TextDelta("a"), TextDelta("b"), RECEIPT]
COMPACT: list[ModelEvent] = [Started("m"), TextDelta("ab"), RECEIPT]
HANG_S = 60


@dataclass
class Source:
    """Counts its runs, and waits before each event after the first until it is let on."""

    calls: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None

    async def __call__(self, turn: Turn) -> AsyncGenerator[ModelEvent, None]:
        self.calls += 1
        try:
            yield WHOLE[0]
            await self.open.wait()
            if self.fault is not None:
                raise self.fault
            for event in WHOLE[1:]:
                yield event
        finally:
            self.closed.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def runs(clock: ManualClock) -> Runs:
    return Runs(ReplaySection(linger_s=10, keep_s=60, keep_answers=3), clock)


async def follow(runs: Runs, source: Source, key: tuple[str, str] = KEY, chat: Chat = CHAT) -> list[ModelEvent]:
    return [event async for event in runs.follow(key, chat, source.__call__)]


async def until_at_rest() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_twenty_at_once_are_one_run(runs: Runs) -> None:
    source = Source()
    everyone = [asyncio.create_task(follow(runs, source)) for _ in range(20)]
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*everyone) == [WHOLE] * 20
    assert source.calls == 1


async def test_who_joins_late_misses_nothing(runs: Runs) -> None:
    source = Source()
    async with aclosing(runs.follow(KEY, CHAT, source.__call__)) as first:
        assert await anext(first) == WHOLE[0]
        late = asyncio.create_task(follow(runs, source))
        source.open.set()
        assert await late == WHOLE
        assert [event async for event in first] == WHOLE[1:]
    assert source.calls == 1


async def test_a_finished_answer_is_given_again(runs: Runs, clock: ManualClock) -> None:
    source = Source()
    source.open.set()
    assert await follow(runs, source) == WHOLE
    clock.advance(59)
    assert await follow(runs, source) == COMPACT
    assert source.calls == 1
    clock.advance(2)
    assert await follow(runs, source) == WHOLE
    assert source.calls == 2


async def test_only_so_many_are_kept(runs: Runs) -> None:
    source = Source()
    source.open.set()
    for number in range(4):
        await follow(runs, source, ("caller", str(number)))
    await follow(runs, source, ("caller", "3"))
    assert source.calls == 4
    await follow(runs, source, ("caller", "0"))
    assert source.calls == 5


async def test_an_id_belongs_to_its_caller(runs: Runs) -> None:
    source = Source()
    source.open.set()
    await follow(runs, source, ("one", "id"))
    await follow(runs, source, ("other", "id"), OTHER)
    assert source.calls == 2


@pytest.mark.parametrize("finished", [True, False])
async def test_an_id_belongs_to_its_chat(runs: Runs, finished: bool) -> None:
    source = Source()
    async with aclosing(runs.follow(KEY, CHAT, source.__call__)) as first:
        await anext(first)
        if finished:
            source.open.set()
            await asyncio.gather(follow(runs, source))
        with pytest.raises(errors.InvalidRequest, match="used for another chat"):
            await follow(runs, source, chat=OTHER)


async def test_a_failure_reaches_every_follower_and_is_not_kept(runs: Runs) -> None:
    source = Source(fault=errors.CloudUnavailable("gone"))
    everyone = [asyncio.create_task(follow(runs, source)) for _ in range(3)]
    await asyncio.sleep(0)
    source.open.set()
    outcomes = await asyncio.gather(*everyone, return_exceptions=True)
    assert all(isinstance(outcome, errors.CloudUnavailable) for outcome in outcomes)
    source.fault = None
    assert await follow(runs, source) == WHOLE
    assert source.calls == 2


async def test_a_bug_becomes_a_typed_error_that_keeps_its_cause(runs: Runs) -> None:
    source = Source(fault=KeyError("bug"))
    source.open.set()
    with pytest.raises(errors.CloudInternal) as failed:
        await follow(runs, source)
    assert isinstance(failed.value.__cause__, KeyError)


async def test_a_run_outlives_its_last_follower_for_a_while(runs: Runs, clock: ManualClock) -> None:
    source = Source()
    first, second = runs.follow(KEY, CHAT, source.__call__), runs.follow(KEY, CHAT, source.__call__)
    await anext(first)
    await anext(second)
    await first.aclose()
    assert clock.monotonic() == 0
    await second.aclose()
    third = runs.follow(KEY, CHAT, source.__call__)
    await anext(third)  # somebody is there again: no clock runs
    await until_at_rest()
    assert not source.closed.is_set()
    await third.aclose()
    async with asyncio.timeout(HANG_S):
        await source.closed.wait()
    assert clock.monotonic() == 10
    source.open.set()
    assert await follow(runs, source) == WHOLE
    assert source.calls == 2


@pytest.mark.parametrize(
    ("deadlines_s", "ends_s"), [((4,), 4), ((4, 7, 5), 7), ((25,), 10), ((4, None), 10), ((0,), 0)]
)
async def test_nobody_wants_it_behind_the_last_deadline(
    runs: Runs, clock: ManualClock, deadlines_s: tuple[float | None, ...], ends_s: float
) -> None:
    source = Source()
    for deadline_s in deadlines_s:
        deadline = Deadline.after(clock, None if deadline_s is None else deadline_s * 1000)
        events = runs.follow(KEY, CHAT, source.__call__, deadline=deadline)
        await anext(events)
        await events.aclose()
    async with asyncio.timeout(HANG_S):
        await source.closed.wait()
    assert (clock.monotonic(), source.calls) == (ends_s, 1)


async def test_what_finishes_alone_is_kept(runs: Runs) -> None:
    source = Source()
    first = runs.follow(KEY, CHAT, source.__call__)
    await anext(first)
    await first.aclose()
    source.open.set()
    await until_at_rest()
    assert text_of(await follow(runs, source)) == "ab"
    assert source.calls == 1


async def test_without_lingering_the_last_to_leave_ends_the_run(clock: ManualClock) -> None:
    runs, source = Runs(ReplaySection(linger_s=0), clock), Source()
    first = runs.follow(KEY, CHAT, source.__call__)
    await anext(first)
    await first.aclose()  # cancelled, but its task has not run yet
    source.open.set()
    assert await follow(runs, source) == WHOLE
    assert source.calls == 2


async def test_who_cancels_ends_the_run_for_everybody_at_once(runs: Runs, clock: ManualClock) -> None:
    source = Source()
    first = runs.follow(KEY, CHAT, source.__call__)
    await anext(first)
    await runs.cancel(("other", KEY[1]))
    await runs.cancel(KEY)
    with pytest.raises(errors.Cancelled, match="cancelled the answer"):
        await anext(first)
    async with asyncio.timeout(HANG_S):
        await source.closed.wait()
    assert clock.monotonic() == 0
    await runs.cancel(KEY)
    source.open.set()
    assert await follow(runs, source) == WHOLE


async def test_what_is_resumed_comes_from_its_cursor_on(runs: Runs) -> None:
    source = Source()
    first = runs.follow(KEY, CHAT, source.__call__)
    await anext(first)
    await first.aclose()
    source.open.set()
    assert [event async for event in runs.follow(KEY, CHAT, source.__call__, 0)] == WHOLE
    assert [event async for event in runs.follow(KEY, CHAT, source.__call__, 1)] == [TextDelta("b"), RECEIPT]
    assert [event async for event in runs.follow(KEY, CHAT, source.__call__, 2)] == [RECEIPT]
    assert source.calls == 1


@pytest.mark.parametrize("state", ["unknown", "running", "finished", "forgotten"])
async def test_what_cannot_be_resumed_is_not_asked_anew(runs: Runs, clock: ManualClock, state: str) -> None:
    source = Source()
    if state != "unknown":
        first = runs.follow(KEY, CHAT, source.__call__)
        await anext(first)
        if state != "running":
            source.open.set()
            assert len([event async for event in first]) == 3
        if state == "forgotten":
            clock.advance(61)
    with pytest.raises(errors.CloudNotFound):
        await anext(runs.follow(KEY, CHAT, source.__call__, 3))
    assert source.calls == (state != "unknown")


async def test_closing_ends_what_runs_with_a_typed_error(runs: Runs) -> None:
    source = Source()
    waiting = asyncio.create_task(follow(runs, source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await runs.aclose()
    assert source.closed.is_set()
    with pytest.raises(errors.Cancelled):
        await waiting


@dataclass
class Torrent:
    """Writes a thousand pieces of a thousand characters as quickly as it may, and counts them."""

    written: int = 0

    async def __call__(self, turn: Turn) -> AsyncGenerator[ModelEvent, None]:
        yield Started("m")
        for _ in range(1000):
            self.written += 1
            yield TextDelta("x" * 1000)
        yield RECEIPT


async def test_a_model_server_waits_for_who_reads_slowly_and_for_nobody_who_left(runs: Runs) -> None:
    torrent = Torrent()

    async def settled() -> int:
        before = -1
        while before != torrent.written:
            before = torrent.written
            for _ in range(20):
                await asyncio.sleep(0)
        return torrent.written

    async with aclosing(runs.follow(KEY, CHAT, torrent)) as slow:
        assert await anext(slow) == Started("m")
        await anext(slow)
        held = await settled()
        assert held < 70  # 65,536 characters, and one piece more
        for _ in range(10):
            await anext(slow)
        assert held < await settled() < 500  # who is behind gets larger pieces
        async with aclosing(runs.follow(KEY, CHAT, torrent)) as quick:
            text = "".join([event.text async for event in quick if isinstance(event, TextDelta)])
        assert (len(text), torrent.written) == (1_000_000, 1000)


async def test_who_leaves_lets_the_answer_be_written_for_later(runs: Runs) -> None:
    torrent = Torrent()

    async with aclosing(runs.follow(KEY, CHAT, torrent)) as slow:
        await anext(slow)
        await anext(slow)
    async with aclosing(runs.follow(KEY, CHAT, torrent, resume_from=1000)) as again:
        text = "".join([event.text async for event in again if isinstance(event, TextDelta)])
    assert (len(text), torrent.written) == (999_000, 1000)
