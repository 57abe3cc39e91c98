"""Streams that outlive their connections, against a scripted gateway and against real ones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.client.streaming import RESUMES
from orchestrator.client.testing import FakeGateway, FakeReply
from orchestrator.testing import ManualClock
from orchestrator.types import Completed, ModelEvent, Started, TextDelta
from simulation.upstream import Reply, SimulatedUpstream
from tests.orchestrator.client.wire import Wire

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
HI = b'{"choices":[{"delta":{"content":"Hi"}}]}'
OVERLOADED = b'{"error":{"message":"busy","code":503}}'


@asynccontextmanager
async def asking(*replies: FakeReply, resume_s: float | None = None) -> AsyncIterator[tuple[AsyncGateway, FakeGateway]]:
    """A client that need not wait: its clock moves by itself."""
    async with (
        FakeGateway(*replies) as fake,
        AsyncGateway(fake.target, model="m", clock=ManualClock(), rng=random.Random(0), resume_s=resume_s) as client,
    ):
        yield client, fake


def said(events: Sequence[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_broken_stream_goes_on_where_it_broke() -> None:
    async with asking(FakeReply(pieces=("Wo", "rk", "ing 🐝", " bees"), breaks=(0, 2, 3, 4))) as (client, fake):
        events = [event async for event in client.stream("Hi", request_id="r1")]
    assert said(events) == "Working 🐝 bees"
    assert [type(event) for event in events] == [Started, *[TextDelta] * 4, Completed]
    assert [request.resume_from for request in fake.requests] == [0, 0, 4, 9, 14]
    assert {request.request_id for request in fake.requests} == {"r1"}
    assert len({request.chat for request in fake.requests}) == 1
    assert fake.cancelled == []


@settings(max_examples=20)
@given(
    pieces=st.lists(st.text("ab🐝é\u0301", min_size=1, max_size=5), max_size=6),
    breaks=st.lists(st.integers(0, 6), max_size=5),
)
def test_whatever_breaks_the_text_is_whole(pieces: list[str], breaks: list[int]) -> None:
    async def ask() -> list[ModelEvent]:
        async with asking(FakeReply(pieces=tuple(pieces), breaks=tuple(breaks))) as (client, _):
            return [event async for event in client.stream("Hi")]

    events = asyncio.run(ask())
    assert said(events) == "".join(pieces)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Completed)


async def test_a_gateway_that_is_killed_and_comes_back_goes_on() -> None:
    async with asking(FakeReply(hold_after=2)) as (client, fake):
        stream = client.stream("Hi")
        events = [await anext(stream) for _ in range(3)]
        await fake.stop()
        await fake.start()
        fake.release()
        events += [event async for event in stream]
    assert said(events) == "Bees make honey."
    assert fake.requests[-1].resume_from == len("Bees make")


async def test_what_a_gateway_has_forgotten_is_a_lost_connection() -> None:
    async with asking(FakeReply(breaks=(1,), forgets=True)) as (client, fake):
        stream = client.stream("Hi")
        assert [await anext(stream), await anext(stream)] == [Started("m"), TextDelta("Bees")]
        with pytest.raises(errors.CloudUnavailable, match="Socket closed"):
            await anext(stream)
    assert len(fake.requests) == 2


async def test_a_gateway_without_cursors_is_not_asked_again() -> None:
    async with asking(FakeReply(breaks=(1,), cursors=False)) as (client, fake):
        with pytest.raises(errors.CloudUnavailable):
            [event async for event in client.stream("Hi")]
    assert len(fake.requests) == 1


async def test_tries_are_bounded_and_new_text_begins_to_count_anew() -> None:
    async with asking(FakeReply(breaks=(1, 1, 1, 1, 2, *[2] * 20))) as (client, fake):
        with pytest.raises(errors.CloudUnavailable):
            [event async for event in client.stream("Hi")]
    places = [request.resume_from for request in fake.requests]
    assert [places.count(place) for place in sorted(set(places))] == [1, 4, RESUMES]


async def test_the_deadline_bounds_the_tries() -> None:
    async with asking(FakeReply(breaks=(1,) * 50)) as (client, fake):
        with pytest.raises(errors.CloudUnavailable):
            [event async for event in client.stream("Hi", timeout_ms=6_000)]
        spent_s = client._connection.clock.monotonic()
    assert 3 < spent_s < 6, "all eight waits would take more"
    assert fake.requests[-1].timeout_s is not None
    assert fake.requests[-1].timeout_s < 3


async def test_resume_s_bounds_the_tries_since_the_last_new_text() -> None:
    async with asking(FakeReply(breaks=(1, 1, 1, *[2] * 50)), resume_s=0.8) as (client, fake):
        with pytest.raises(errors.CloudUnavailable):
            [event async for event in client.stream("Hi")]
        spent_s = client._connection.clock.monotonic()
    places = [request.resume_from for request in fake.requests]
    assert [places.count(place) for place in sorted(set(places))] == [1, 3, 3]
    assert spent_s < 1.6, "each loss has its own 0.8 s"


async def test_a_resumed_stream_that_says_nothing_is_given_up_and_the_gateway_is_told() -> None:
    async with (
        FakeGateway(FakeReply(breaks=(2,), hold_after=2)) as fake,
        AsyncGateway(fake.target, model="m", resume_s=0.2) as client,
    ):
        with pytest.raises(errors.CloudUnavailable):
            [event async for event in client.stream("Hi", request_id="r1")]
        await client.aclose()
        assert fake.cancelled == ["r1"]


async def test_what_the_gateway_says_of_waiting_is_kept() -> None:
    busy = errors.CloudUnavailable("busy", retry_after_s=30, resumable=True)
    async with asking(FakeReply(pieces=("a", "b"), fault=busy, fault_after=1)) as (client, fake):
        with pytest.raises(errors.CloudUnavailable, match="busy") as refused:
            [event async for event in client.stream("Hi", timeout_ms=20_000)]
    assert refused.value.retry_after_s == 30
    assert len(fake.requests) == 1, "thirty seconds were not left"


@pytest.mark.parametrize("fault", [errors.CloudInternal("broken"), errors.CloudTimeout("slow")])
async def test_an_answer_that_failed_is_not_asked_for_again(fault: errors.CloudError) -> None:
    async with asking(FakeReply(fault=fault, fault_after=2)) as (client, fake):
        with pytest.raises(type(fault)):
            [event async for event in client.stream("Hi")]
    assert len(fake.requests) == 1


@pytest.mark.parametrize("broken", [Reply(events=(OVERLOADED,)), Reply(events=(HI, OVERLOADED)), Reply(break_after=1)])
async def test_a_model_server_that_fails_in_mid_stream_is_not_asked_again(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str, broken: Reply
) -> None:
    upstream.replies = [broken]
    async with (
        running(gateway_config(replay={}), environment={"TEST_KEY": api_key}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
    ):
        with pytest.raises((errors.CloudUnavailable, errors.CloudTruncated), match="upstream") as failed:
            [event async for event in client.stream("Hi")]
    assert not failed.value.resumable
    assert upstream.chats == 1


async def test_a_stream_cut_off_by_a_proxy_goes_on() -> None:
    async with asking(FakeReply(pieces=("a",), receipt=False), FakeReply(pieces=("a", "b"))) as (client, fake):
        stream = client.stream("Hi")
        assert [await anext(stream), await anext(stream)] == [Started("m"), TextDelta("a")]
        fake._kept.clear()  # the second reply is the same answer, whole
        fake._kept[fake.requests[0].request_id] = (fake.replies[1], 1)
        assert said([event async for event in stream]) == "b"


async def test_leaving_early_tells_the_gateway_and_waits_for_nothing() -> None:
    async with asking(FakeReply(hold_after=1)) as (client, fake):
        async with aclosing(client.stream("Hi", request_id="r7")) as stream:
            await anext(stream)
        assert fake.cancelled == []
        await client.aclose()
        assert fake.cancelled == ["r7"]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_task_that_is_cancelled_tells_the_gateway(streaming: bool) -> None:
    async def ask() -> None:
        if streaming:
            [event async for event in client.stream("Hi", request_id="r8")]
        await client.generate("Hi", request_id="r8")

    async with asking(FakeReply(hold_after=1)) as (client, fake):
        task = asyncio.create_task(ask())
        async with asyncio.timeout(HANG_S):
            await fake.holding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
        assert fake.cancelled == ["r8"]


async def test_closing_the_client_tells_the_gateway_of_streams_under_way() -> None:
    async with asking(FakeReply(hold_after=1)) as (client, fake):
        stream = client.stream("Hi", request_id="r9")
        await anext(stream)
        await client.aclose()
        with pytest.raises(errors.Cancelled):
            [event async for event in stream]
        assert fake.cancelled == ["r9"]


async def test_a_gateway_that_is_gone_is_told_nothing() -> None:
    async with asking(FakeReply(hold_after=1)) as (client, fake):
        async with aclosing(client.stream("Hi")) as stream:
            await anext(stream)
            await fake.stop()
            await asyncio.sleep(0)
        async with asyncio.timeout(HANG_S):
            await client.aclose()


async def test_a_real_gateway_whose_connections_are_lost_answers_once(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        running(gateway_config(replay={}), environment={"TEST_KEY": api_key}) as gateway,
        Wire(gateway.address) as wire,
        AsyncGateway(wire.target, api_key=api_key, model="small") as client,
    ):
        stream = client.stream("What do bees make?")
        events = [await anext(stream) for _ in range(3)]
        wire.cut()
        upstream.release.set()
        async with asyncio.timeout(HANG_S):
            events += [event async for event in stream]
    assert said(events) == "Bees make honey."
    assert upstream.chats == 1
    assert wire.connections == 2
