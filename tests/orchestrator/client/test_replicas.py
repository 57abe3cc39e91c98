"""Several gateways: whom a call goes to, and that one which dies takes nothing along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing

import pytest

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.client.replicas import LONGEST_REST_S, REST_S
from orchestrator.client.testing import FakeGateway, FakeReply
from orchestrator.testing import ManualClock
from orchestrator.types import TextDelta
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]


def test_a_client_needs_a_gateway_and_every_address_is_checked() -> None:
    with pytest.raises(errors.ConfigError, match="no gateway"):
        AsyncGateway([])
    with pytest.raises(errors.ConfigError, match="clear text"):
        AsyncGateway(["127.0.0.1:1", "gateway.example.com:1"], api_key="secret")
    assert AsyncGateway(["127.0.0.1:1", "127.0.0.1:2"]).target == "127.0.0.1:1, 127.0.0.1:2"


async def test_calls_go_where_the_fewest_are_under_way() -> None:
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(FakeGateway(FakeReply(hold_after=1)))
        quick = await stack.enter_async_context(FakeGateway())
        client = await stack.enter_async_context(AsyncGateway([slow.target, quick.target], model="m"))
        held = await stack.enter_async_context(aclosing(client.stream("Hi")))
        await anext(held)
        for _ in range(5):
            await client.generate("Hi")
        assert (len(slow.requests), len(quick.requests)) == (1, 5)


async def test_with_nothing_under_way_they_are_asked_in_turn() -> None:
    async with FakeGateway() as one, FakeGateway() as two:
        async with AsyncGateway([one.target, two.target], model="m") as client:
            for _ in range(6):
                await client.generate("Hi")
        assert (len(one.requests), len(two.requests)) == (3, 3)


async def test_one_that_failed_rests_and_longer_each_time() -> None:
    clock = ManualClock()
    async with (
        FakeGateway() as living,
        FakeGateway() as dying,
        AsyncGateway([dying.target, living.target], model="m", clock=clock) as client,
    ):
        await dying.stop()
        for _ in range(6):
            assert (await client.generate("Hi")).text == "Bees make honey."
        (resting,) = [one for one in client._connection.replicas() if one.rests]
        assert resting.target == dying.target
        rests = []
        for _ in range(6):
            resting.failed(None)
            before = clock.monotonic()
            while resting.rests:
                clock.advance(0.5)
            rests.append(clock.monotonic() - before)
        assert rests == sorted(rests)
        assert (rests[0] > REST_S, rests[-1]) == (True, LONGEST_REST_S)
        await dying.start()
        while not dying.requests:  # the suite's own time limit guards this
            clock.advance(LONGEST_REST_S)
            await client.generate("Hi")


async def test_when_all_are_gone_the_error_says_so() -> None:
    async with AsyncGateway(["127.0.0.1:1", "127.0.0.1:2"], model="m") as client:
        with pytest.raises(errors.CloudUnavailable, match=r"127\.0\.0\.1:[12]"):
            await client.generate("Hi")
        with pytest.raises(errors.CloudUnavailable):
            await anext(client.stream("Hi"))
        with pytest.raises(errors.CloudUnavailable):
            await client.ping()


async def test_a_stream_goes_on_at_another_gateway_that_has_the_answer() -> None:
    """As gateways do that share their state: here they share it by hand."""
    async with FakeGateway(FakeReply(hold_after=2)) as one, FakeGateway() as two:
        async with AsyncGateway([one.target, two.target], model="m", clock=ManualClock()) as client:
            stream = client.stream("Hi")
            events = [await anext(stream) for _ in range(3)]
            two._kept[one.requests[0].request_id] = (FakeReply(), 1)
            await one.stop()
            events += [event async for event in stream]
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Bees make honey."
        assert two.requests[-1].resume_from == len("Bees make")


@pytest.mark.parametrize("spread", [True, False])
async def test_a_name_with_several_addresses(spread: bool) -> None:
    async with FakeGateway() as one, FakeGateway() as two:
        name = f"ipv4:{one.target},{two.target}"
        async with AsyncGateway(name, model="m", spread=spread) as client:
            await client.generate("Hi", timeout_ms=20_000)
            while spread and not (one.requests and two.requests):  # the suite's own time limit guards this
                await client.generate("Hi")
            used, other = (one, two) if one.requests else (two, one)
            assert spread or not other.requests
            await used.stop()
            before = len(other.requests)
            for _ in range(3):
                assert (await client.generate("Hi")).text == "Bees make honey."
            assert len(other.requests) == before + 3


async def test_a_real_gateway_that_dies_under_load_takes_no_answer_along(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(between_ms=2)]
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(running(gateway_config(), environment={"TEST_KEY": api_key}))
            for _ in range(3)
        ]
        targets = [gateway.address for gateway in gateways]
        client = await stack.enter_async_context(AsyncGateway(targets, api_key=api_key, model="small"))

        async def ask(number: int) -> str:
            if number == 20:
                await gateways[0].drain(0)
            return (await client.generate(f"Question {number}")).text

        async def asker(first: int) -> list[str]:
            return [await ask(number) for number in range(first, 60, 6)]

        said = await asyncio.gather(*(asker(first) for first in range(6)))
        assert [text for texts in said for text in texts] == ["Bees make honey."] * 60
        assert "".join([e.text async for e in client.stream("And now?") if isinstance(e, TextDelta)])
