"""Several real servers: one is chosen, one fails, another takes over, and nothing is lost or said twice."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from cloud_gateway.upstreams.breaker import FEWEST_CALLS, REST_S
from cloud_gateway.upstreams.pool import Pool
from orchestrator.chat import Chat
from orchestrator.errors import (
    CloudError,
    CloudInternal,
    CloudRateLimited,
    CloudRejected,
    CloudTruncated,
    CloudUnavailable,
)
from orchestrator.privacy.egress import ClearText, OutboundMessage
from orchestrator.testing import ManualClock
from orchestrator.types import Completed, ModelEvent, Sampling, Started, TextDelta, Usage
from simulation.upstream import Reply, SimulatedUpstream
from tests.cloud_gateway.upstreams.conftest import Pools, Servers

pytestmark = pytest.mark.anyio
HANG_S = 60
BEES = "Bees make honey."
BROKEN = [
    Reply(break_after=-1),
    Reply(status=500),
    Reply(status=429, headers={"Retry-After": "60"}),
    Reply(status=401),
    Reply(body=b"<html>"),
]


def chat(*texts: str) -> Chat:
    """A conversation: the user speaks first."""
    said = texts or ("What do bees make?",)
    messages = [
        OutboundMessage("assistant" if place % 2 else "user", ClearText(text)) for place, text in enumerate(said)
    ]
    return Chat(model="small", messages=tuple(messages), sampling=Sampling(max_tokens=64))


async def ask(pool: Pool, *texts: str, streaming: bool = True) -> list[ModelEvent]:
    async with aclosing(pool.answer(chat(*texts), streaming=streaming)) as events:
        return [event async for event in events]


async def said(pool: Pool, *texts: str, streaming: bool = True) -> str:
    return text_of(await ask(pool, *texts, streaming=streaming))


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def asked(servers: dict[str, SimulatedUpstream]) -> dict[str, int]:
    return {name: server.chats for name, server in servers.items()}


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("reply", BROKEN)
async def test_one_that_fails_before_its_first_text_is_replaced(
    servers: Servers, pools: Pools, reply: Reply, streaming: bool
) -> None:
    async with servers(bad=reply, good=Reply()) as up, pools(up, keys={"good": {"priority": 1}}) as pool:
        events = await ask(pool, streaming=streaming)
    assert text_of(events) == BEES
    assert events.count(Started("small")) == 1
    assert isinstance(events[-1], Completed)
    assert events[-1].usage == Usage(4, 4)
    assert asked(up) == {"bad": 1, "good": 1}


async def test_one_that_is_away_or_silent_is_replaced(servers: Servers, pools: Pools) -> None:
    keys = {"mute": {"first_token_s": 0.1}, "gone": {"priority": 1}, "good": {"priority": 2}}
    async with servers(mute=Reply(hold_after=0), gone=Reply(), good=Reply()) as up, pools(up, keys=keys) as pool:
        await up["gone"].stop()
        assert await said(pool) == BEES
        assert [member.counts.failed for member in pool.members] == [1, 1, 0]


@pytest.mark.parametrize("fault", [Reply(break_after=2), Reply(pieces=("Bees", " make"), finish_reason=None)])
async def test_one_that_breaks_off_is_gone_on_with_from_its_text(servers: Servers, pools: Pools, fault: Reply) -> None:
    more = Reply(pieces=(" make", " honey", "."))
    async with servers(bad=fault, good=more) as up, pools(up, keys={"good": {"priority": 1}}) as pool:
        events = await ask(pool)
    assert text_of(events) == BEES
    assert [type(event) for event in events].count(Started) == 1
    body = up["good"].seen[0].body
    assert body["messages"][-1] == {"role": "assistant", "content": "Bees make"}
    assert body["max_tokens"] == 62
    assert isinstance(events[-1], Completed)
    assert events[-1].usage == Usage(4, 5, estimated=True)


async def test_a_second_break_is_gone_on_with_too_and_a_last_one_told(servers: Servers, pools: Pools) -> None:
    bad = Reply(break_after=1, pieces=("Bees", " fly"))
    keys = {name: {"priority": place} for place, name in enumerate("abc")}
    worse = Reply(break_after=1, pieces=(" make", " x"))
    async with servers(a=bad, b=worse, c=bad) as up, pools(up, keys=keys) as pool:
        with pytest.raises(CloudTruncated):
            await ask(pool)
    assert up["c"].seen[0].body["messages"][-1]["content"] == "Bees make"


@pytest.mark.parametrize("reply", [Reply(status=400), Reply(finish_reason="content_filter")])
async def test_a_request_that_is_refused_is_refused_by_all(servers: Servers, pools: Pools, reply: Reply) -> None:
    async with servers(a=reply, b=reply) as up, pools(up) as pool:
        with pytest.raises(CloudRejected):
            await ask(pool)
    assert sum(asked(up).values()) == 1


async def test_without_a_budget_nothing_is_tried_again(servers: Servers, pools: Pools) -> None:
    async with servers(a=BROKEN[0], b=BROKEN[0]) as up, pools(up, pool={"retry_share": 0}) as pool:
        with pytest.raises(CloudUnavailable):
            await ask(pool)
    assert sum(asked(up).values()) == 1


async def test_the_first_priority_is_used_while_it_has_room(servers: Servers, pools: Pools) -> None:
    keys: dict[str, dict[str, Any]] = {"main": {"max_concurrent": 1}, "spare": {"priority": 1, "max_concurrent": 1}}
    hold = Reply(hold_after=1)
    async with servers(main=hold, spare=hold) as up, pools(up, keys=keys) as pool, asyncio.timeout(HANG_S):
        assert pool.capacity("small") == 2
        first = asyncio.create_task(ask(pool))
        await up["main"].holding.wait()
        assert asked(up) == {"main": 1, "spare": 0}
        second = asyncio.create_task(ask(pool))
        await up["spare"].holding.wait()
        assert pool.in_flight("small") == 2
        with pytest.raises(CloudUnavailable, match="full") as full:
            await ask(pool)
        assert full.value.retry_after_s == 1.0
        for server in up.values():
            server.release.set()
        assert text_of(await first) == text_of(await second) == BEES
        assert pool.in_flight("small") == 0
        assert await said(pool) == BEES
        assert asked(up)["main"] == 2


async def test_a_model_is_asked_where_it_is_and_by_its_name_there(servers: Servers, pools: Pools) -> None:
    model = {
        "upstream_name": "vendor/small",
        "upstreams": {"b": {"upstream_name": "other/small"}, "c": {"priority": 1}},
    }
    async with servers(a=Reply(), b=BROKEN[0], c=Reply()) as up, pools(up, model=model) as pool:
        assert await said(pool) == BEES
    assert asked(up) == {"a": 0, "b": 1, "c": 1}
    assert [up[name].seen[0].body["model"] for name in "bc"] == ["other/small", "vendor/small"]


async def test_one_that_is_over_its_limit_rests_as_long_as_it_says(servers: Servers, pools: Pools) -> None:
    clock = ManualClock()
    busy = Reply(status=429, headers={"Retry-After": "7"})
    async with servers(a=[busy, Reply()]) as up, pools(up, clock=clock) as pool:
        with pytest.raises(CloudRateLimited):
            await ask(pool)
        assert pool.capacity("small") == 0
        clock.advance(3)
        with pytest.raises(CloudRateLimited, match="every upstream") as rests:
            await ask(pool)
        assert rests.value.retry_after_s == 4.0
        clock.advance(4)
        assert await said(pool) == BEES
    assert asked(up) == {"a": 2}


async def test_one_that_fails_often_is_left_alone_and_probed_by_one(servers: Servers, pools: Pools) -> None:
    clock = ManualClock()
    replies = [Reply(status=500)] * FEWEST_CALLS + [Reply(hold_after=0)]
    async with servers(a=replies) as up, pools(up, clock=clock) as pool, asyncio.timeout(HANG_S):
        for _ in range(FEWEST_CALLS):
            with pytest.raises(CloudUnavailable, match="HTTP 500"):
                await ask(pool)
        with pytest.raises(CloudUnavailable, match="failed too often") as opened:
            await ask(pool)
        assert opened.value.retry_after_s == REST_S
        clock.advance(REST_S)
        probe = asyncio.create_task(ask(pool))
        await up["a"].holding.wait()
        with pytest.raises(CloudUnavailable, match="failed too often"):
            await ask(pool)
        up["a"].release.set()
        assert text_of(await probe) == BEES
        up["a"].replies = [Reply()]
        assert await said(pool) == BEES
    assert up["a"].chats == FEWEST_CALLS + 2


async def test_who_leaves_tells_the_breaker_nothing(servers: Servers, pools: Pools) -> None:
    async with servers(a=Reply(hold_after=0)) as up, pools(up) as pool, asyncio.timeout(HANG_S):
        for _ in range(2 * FEWEST_CALLS):
            leaving = asyncio.create_task(ask(pool))
            await up["a"].holding.wait()
            up["a"].holding.clear()
            leaving.cancel()
            await asyncio.wait([leaving])
        up["a"].replies = [Reply()]
        assert await said(pool) == BEES
        assert pool.in_flight("small") == 0


async def test_one_that_a_probe_did_not_find_is_the_last_resort(servers: Servers, pools: Pools) -> None:
    async with servers(a=Reply(), b=Reply()) as up:
        up["a"].models_status = 503
        async with pools(up, keys={"b": {"priority": 1}}) as pool:
            assert await pool.probe()
            assert [member.reachable for member in pool.members] == [False, True]
            assert await said(pool) == BEES
            assert asked(up) == {"a": 0, "b": 1}
            await up["b"].stop()
            assert await said(pool) == BEES
            assert asked(up) == {"a": 1, "b": 1}


async def test_probes_come_as_often_as_each_section_says(servers: Servers, pools: Pools) -> None:
    clock = ManualClock()
    async with servers(a=Reply(), b=Reply()) as up:
        for server in up.values():
            server.models_status = 503
        async with pools(up, clock=clock, keys={"b": {"health_interval_s": 60}}) as pool:
            assert not await pool.probe()
            for server in up.values():
                server.models_status = 200
            clock.advance(5)
            assert await pool.probe()
            assert [member.reachable for member in pool.members] == [True, False]
            clock.advance(55)
            assert await pool.probe()
            assert all(member.reachable for member in pool.members)


async def test_a_slow_one_is_hedged_and_the_loser_is_told(servers: Servers, pools: Pools) -> None:
    hedging = {"hedge": True, "retry_share": 1}
    async with servers(a=Reply(), b=Reply()) as up, pools(up, pool=hedging, keys={"b": {"priority": 1}}) as pool:
        for _ in range(60):
            assert await said(pool) == BEES
        before = asked(up)
        up["a"].replies = [Reply(hold_after=0)]
        async with asyncio.timeout(HANG_S):
            events = await ask(pool)
            await up["a"].disconnected.wait()
    assert text_of(events) == BEES
    assert events.count(Started("small")) == 1
    assert {name: number - before[name] for name, number in asked(up).items()} == {"a": 1, "b": 1}
    assert pool.members[1].counts.hedged >= 1
    assert pool.members[0].counts.failed == 0


async def test_the_turns_of_a_conversation_meet_on_one_server(servers: Servers, pools: Pools) -> None:
    async with servers(a=Reply(), b=Reply(), c=Reply()) as up, pools(up) as pool:
        homes: set[str] = set()
        for number in range(12):
            turns = [f"{number} " + "A long question. " * 100]
            before = asked(up)
            for _ in range(3):
                turns += [await said(pool, *turns), "And then?"]
            grown = {name: count - before[name] for name, count in asked(up).items() if count > before[name]}
            assert list(grown.values()) == [3]
            homes.update(grown)
    assert homes == {"a", "b", "c"}


async def test_when_one_of_three_dies_under_load_no_answer_is_lost(servers: Servers, pools: Pools) -> None:
    slow = Reply(pieces=tuple(f" w{number}" for number in range(20)), between_ms=1, continues=True)
    dying = replace(slow, hold_after=10)
    async with servers(a=slow, b=dying, c=slow) as up, pools(up) as pool, asyncio.timeout(HANG_S):
        answers = [asyncio.create_task(ask(pool, f"Question {number}")) for number in range(60)]
        await up["b"].holding.wait()
        await up["b"].stop()
        texts = {text_of(events) for events in await asyncio.gather(*answers)}
        later = await asyncio.gather(*(said(pool, f"Question {number}") for number in range(60)))
    assert texts == set(later) == {"".join(slow.pieces)}
    assert {member.name for member in pool.members if member.counts.failed} == {"b"}


async def test_every_error_is_ours(servers: Servers, pools: Pools) -> None:
    async with servers(a=Reply(status=404)) as up, pools(up) as pool:
        with pytest.raises(CloudInternal) as failed:
            await ask(pool)
    assert isinstance(failed.value, CloudError)
