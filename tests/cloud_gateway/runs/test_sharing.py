"""One run for one id at several gateways: two sets of runs, each with its own client, on one real Redis."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

import pytest

from cloud_gateway.runs import Runs, Sharing, Turn
from cloud_gateway.sections.replay import ReplaySection
from cloud_gateway.sections.state import StateSection
from cloud_gateway.state import SharedState, opened
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.clock import SystemClock
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, FinishReason, ModelEvent, Sampling, Started, TextDelta, Usage
from simulation.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
CHAT = Chat(model="m", messages=(OutboundMessage("user", arrived("Hi")),), sampling=Sampling(max_tokens=10))
KEY = ("caller", "request")
RECEIPT = Completed(Usage(5, 3), FinishReason.STOP, usd=0.25)
PIECES = ("Bees", " 🐝", " hum.")
ANSWER = "".join(PIECES)
HANG_S = 60


@dataclass
class Source:
    """Writes what is left of the answer, and waits before its last piece until it is let on."""

    turns: list[Turn] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None
    bills: int = 0

    async def __call__(self, turn: Turn) -> AsyncGenerator[ModelEvent, None]:
        self.turns.append(turn)
        try:
            yield Started("m")
            for piece in PIECES[turn.pieces : 2]:
                yield TextDelta(piece)
            self.waiting.set()
            await self.open.wait()
            if self.fault is not None:
                raise self.fault
            yield TextDelta(PIECES[2])
            await turn.confirm()
            self.bills += 1
            yield replace(RECEIPT, usage=turn.usage(RECEIPT.usage))
        finally:
            self.closed.set()


@dataclass
class Gateway:
    """What one gateway's process has of runs."""

    state: SharedState
    runs: Runs

    async def follow(self, source: Source, cursor: int = 0, chat: Chat = CHAT) -> list[ModelEvent]:
        return [event async for event in self.runs.follow(KEY, chat, source.__call__, cursor)]


async def gateway(server: RedisServer, prefix: str, stack: AsyncExitStack) -> Gateway:
    section = StateSection(redis_url=server.url, key_prefix=prefix, lease_s=0.5, timeout_s=0.5)
    state = await stack.enter_async_context(opened(section, {}))
    assert state is not None
    replay, clock = ReplaySection(), SystemClock()
    runs = Runs(replay, clock, Sharing(state, section, replay, clock))
    stack.push_async_callback(runs.aclose)
    return Gateway(state, runs)


@pytest.fixture
async def pair(redis_server: RedisServer) -> AsyncIterator[tuple[Gateway, Gateway]]:
    prefix = f"{uuid.uuid4().hex}:"
    async with AsyncExitStack() as stack, asyncio.timeout(HANG_S):
        yield await gateway(redis_server, prefix, stack), await gateway(redis_server, prefix, stack)


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_id_is_one_run_at_all_gateways(pair: tuple[Gateway, Gateway]) -> None:
    source = Source()
    everyone = [asyncio.create_task(pair[number % 2].follow(source)) for number in range(20)]
    await source.waiting.wait()
    source.open.set()
    for events in await asyncio.gather(*everyone):
        assert (events[0], text_of(events), events[-1]) == (Started("m"), ANSWER, RECEIPT)
    assert (len(source.turns), source.bills) == (1, 1)


async def test_a_finished_answer_is_given_again_at_another_gateway(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    source.open.set()
    await one.follow(source)
    assert await other.follow(source) == [Started("m"), TextDelta(ANSWER), RECEIPT]
    assert text_of(await other.follow(source, 5)) == ANSWER[5:]
    assert len(source.turns) == 1


async def test_what_is_resumed_at_another_gateway_comes_from_its_cursor_on(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    async with aclosing(one.runs.follow(KEY, CHAT, source.__call__)) as events:
        assert [await anext(events) for _ in range(3)] == [Started("m"), TextDelta(PIECES[0]), TextDelta(PIECES[1])]
    resumed = asyncio.create_task(other.follow(source, 5))
    await source.waiting.wait()
    source.open.set()
    events_there = await resumed
    assert (text_of(events_there), events_there[-1]) == (ANSWER[5:], RECEIPT)
    assert len(source.turns) == 1


async def test_what_cannot_be_resumed_is_not_asked_anew(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    source.open.set()
    with pytest.raises(errors.CloudNotFound):
        await one.follow(source, 1)
    assert source.turns == []
    await one.follow(source)
    with pytest.raises(errors.CloudNotFound):
        await other.follow(source, len(ANSWER) + 1)
    assert len(source.turns) == 1


@pytest.mark.parametrize("finished", [True, False])
async def test_an_id_belongs_to_its_chat_at_all_gateways(pair: tuple[Gateway, Gateway], finished: bool) -> None:
    one, other = pair
    source = Source()
    first = asyncio.create_task(one.follow(source))
    await source.waiting.wait()
    if finished:
        source.open.set()
        await first
    with pytest.raises(errors.InvalidRequest, match="used for another chat"):
        await other.follow(source, chat=replace(CHAT, model="other"))
    source.open.set()
    assert text_of(await first) == ANSWER


async def test_a_failure_reaches_who_follows_elsewhere_and_is_not_kept(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source(fault=errors.CloudRateLimited("enough", remedy="wait", retry_after_s=7))
    first = asyncio.create_task(one.follow(source))
    await source.waiting.wait()
    elsewhere = other.runs.follow(KEY, CHAT, source.__call__)
    assert text_of([await anext(elsewhere) for _ in range(2)]) == ANSWER[:6]
    source.open.set()
    with pytest.raises(errors.CloudRateLimited, match="enough") as failed:
        await anext(elsewhere)
    assert (failed.value.remedy, failed.value.retry_after_s) == ("wait", 7)
    with pytest.raises(errors.CloudRateLimited):
        await first
    source.fault = None
    assert text_of(await other.follow(source)) == ANSWER
    assert (len(source.turns), source.bills) == (2, 1)


async def test_who_cancels_at_another_gateway_ends_the_run_everywhere(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    first = asyncio.create_task(one.follow(source))
    await source.waiting.wait()
    await other.runs.cancel(KEY)
    with pytest.raises(errors.Cancelled, match="the caller cancelled"):
        await first
    await source.closed.wait()
    source.open.set()
    assert text_of(await other.follow(source)) == ANSWER


async def test_a_gateway_that_stops_leaves_its_runs_to_the_others(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    first = asyncio.create_task(one.follow(source))
    await source.waiting.wait()
    await one.runs.aclose()
    with pytest.raises(errors.Cancelled, match="stopping"):
        await first
    source.open.set()
    rest = await other.follow(source, 5)
    assert text_of(rest) == ANSWER[5:]
    assert (source.turns[1].written, source.turns[1].pieces) == (ANSWER[:6], 2)
    assert rest[-1] == replace(RECEIPT, usage=Usage(3, 5, estimated=True))
    assert source.bills == 1


async def test_a_follower_elsewhere_takes_over_from_a_gateway_that_stops(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    source = Source()
    first = asyncio.create_task(one.follow(source))
    elsewhere = asyncio.create_task(other.follow(source))
    await source.waiting.wait()
    await one.runs.aclose()
    source.open.set()
    events = await elsewhere
    assert (events[0], text_of(events)) == (Started("m"), ANSWER)
    with pytest.raises(errors.Cancelled):
        await first


async def test_records_name_nobody_and_go_with_their_time(pair: tuple[Gateway, Gateway]) -> None:
    one, _ = pair
    source = Source()
    source.open.set()
    await one.follow(source)
    names = [name async for name in one.state.redis.scan_iter(one.state.key("*"))]
    assert len(names) == 2
    assert not [name for name in names if b"caller" in name or b"request" in name]
    keep_ms = ReplaySection().keep_s * 1000
    assert all([0 < await one.state.redis.pttl(name) <= keep_ms for name in names])


async def test_while_redis_is_away_what_runs_goes_on_and_nothing_begins(mortal_redis: RedisServer) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(HANG_S):
        one = await gateway(mortal_redis, "away:", stack)
        source = Source()
        first = asyncio.create_task(one.follow(source))
        await source.waiting.wait()
        mortal_redis.kill()
        with pytest.raises(errors.CloudUnavailable) as refused:
            await anext(one.runs.follow(("caller", "new"), CHAT, source.__call__))
        assert refused.value.retry_after_s == 1.0
        source.open.set()
        assert text_of(await first) == ANSWER
        assert (len(source.turns), source.bills) == (1, 1)
        assert text_of(await one.follow(source)) == ANSWER


async def test_a_redis_that_lost_everything_gets_it_again(mortal_redis: RedisServer) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(HANG_S):
        one, other = await gateway(mortal_redis, "lost:", stack), await gateway(mortal_redis, "lost:", stack)
        source = Source()
        first = asyncio.create_task(one.follow(source))
        await source.waiting.wait()
        mortal_redis.kill()
        mortal_redis.start()
        while not [name async for name in one.state.redis.scan_iter(one.state.key("*:text"))]:
            pass  # until the lease is renewed
        elsewhere = asyncio.create_task(other.follow(source, 5))
        source.open.set()
        assert text_of(await first) == ANSWER
        assert text_of(await elsewhere) == ANSWER[5:]
        assert (len(source.turns), source.bills) == (1, 1)
