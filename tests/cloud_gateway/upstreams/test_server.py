"""One upstream over a real socket: connections, patience and memory. Its faults are in test_service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator.chat import Chat
from orchestrator.clock import SystemClock
from orchestrator.errors import CloudInternal, CloudTimeout
from orchestrator.privacy.egress import ClearText, OutboundMessage
from orchestrator.types import ModelEvent, Sampling, Started, TextDelta
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = pytest.mark.anyio
HANG_S = 60


def chat(text: str = "What do bees make?") -> Chat:
    return Chat(model="small", messages=(OutboundMessage("user", ClearText(text)),), sampling=Sampling())


@asynccontextmanager
async def opened(upstream: SimulatedUpstream, **keys: Any) -> AsyncIterator[UpstreamServer]:
    section = UpstreamSection(base_url=upstream.base_url, **keys)
    async with aclosing(UpstreamServer(section, name="main", environment={}, clock=SystemClock())) as server:
        yield server


async def texts(server: UpstreamServer, text: str = "Hi", *, streaming: bool = True) -> str:
    ask = server.stream if streaming else server.complete
    return "".join([event.text async for event in ask(chat(text), "m") if isinstance(event, TextDelta)])


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_connection_carries_one_answer_after_another(upstream: SimulatedUpstream, streaming: bool) -> None:
    async with opened(upstream) as server:
        for _ in range(5):
            assert await texts(server, streaming=streaming) == "Bees make honey."
    assert upstream.connections == 1


async def test_an_answer_that_is_left_closes_its_connection(upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(hold_after=1)]
    async with opened(upstream) as server, asyncio.timeout(HANG_S):
        events = server.stream(chat(), "m")
        assert await anext(events) == Started("small")
        assert await anext(events) == TextDelta("Bees")
        await events.aclose()
        await upstream.disconnected.wait()


@pytest.mark.parametrize(
    ("hold_after", "streaming", "limit"),
    [(0, True, "first_token_s"), (2, True, "between_tokens_s"), (4, False, "whole_answer_s")],
)
async def test_each_silence_has_a_limit_of_its_own(
    upstream: SimulatedUpstream, hold_after: int, streaming: bool, limit: str
) -> None:
    upstream.replies = [Reply(hold_after=hold_after)]
    async with opened(upstream, **{limit: 0.05}) as server, asyncio.timeout(HANG_S):
        with pytest.raises(CloudTimeout, match=limit):
            await texts(server, streaming=streaming)


async def test_comments_and_empty_chunks_are_no_token(upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(pieces=("",) * 1000, between_ms=5)]
    async with opened(upstream, first_token_s=0.1) as server, asyncio.timeout(HANG_S):
        with pytest.raises(CloudTimeout, match="first_token_s"):
            await texts(server)


async def test_a_slow_reader_is_not_the_upstreams_silence(upstream: SimulatedUpstream) -> None:
    async with opened(upstream, first_token_s=0.05, between_tokens_s=0.05) as server:
        events: list[ModelEvent] = []
        async for event in server.stream(chat(), "m"):
            events.append(event)
            await asyncio.sleep(0.06)
    assert len(events) == 6


async def test_an_upstream_waits_for_a_slow_reader(upstream: SimulatedUpstream) -> None:
    choice = {"choices": [{"delta": {"content": "x" * 8192}, "finish_reason": "stop"}]}
    upstream.replies = [Reply(events=(json.dumps(choice).encode(),) * 8000)]
    async with opened(upstream) as server, aclosing(server.stream(chat(), "m")) as events:
        assert await anext(events) == Started("small")
        for _ in range(20_000):
            await asyncio.sleep(0)
        assert 0 < upstream.events_sent < 8000
        assert sum([isinstance(event, TextDelta) async for event in events]) == 8000


async def test_an_answer_without_bounds_is_given_up(upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(pieces=("x" * 2**20,) * 17)]
    async with opened(upstream) as server:
        with pytest.raises(CloudInternal, match="too large"):
            await texts(server, streaming=False)


async def test_a_long_prompt_arrives_whole(upstream: SimulatedUpstream) -> None:
    async with opened(upstream) as server:
        await texts(server, "word " * 500_000)
    assert upstream.seen[-1].body["messages"][0]["content"] == "word " * 500_000


async def test_a_proxy_is_for_the_world_outside(upstream: SimulatedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", upstream.base_url)
    monkeypatch.setenv("no_proxy", "other.example")
    section = UpstreamSection(base_url="http://model.example/v1")
    async with aclosing(UpstreamServer(section, name="main", environment={}, clock=SystemClock())) as server:
        await server.reachable()
    assert upstream.connections == 1
    for address in "http://localhost:9/v1", "http://other.example:9/v1":
        section = UpstreamSection(base_url=address)
        async with aclosing(UpstreamServer(section, name="main", environment={}, clock=SystemClock())) as server:
            await server.reachable()
    assert upstream.connections == 1
