"""Quotas and scopes over the wire: bursts at the edge of a limit, several gateways on one Redis, and one that dies."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import GatewayServer, running
from orchestrator import errors
from orchestrator.accounts import Quantity
from orchestrator.chat import NANO
from orchestrator.client import AsyncGateway
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock
from orchestrator.testing import ManualClock
from orchestrator.types import Sampling, Started
from simulation.redis_server import RedisServer
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
SHORT = Sampling(max_tokens=8)
EDGE = 40
"""Requests that the quota lets through, of 500."""


class ClockAhead(SystemClock):
    """The system's clock, whose wall clock may be ahead."""

    ahead = timedelta()

    def now(self) -> datetime:
        """Later than it is."""
        return super().now() + self.ahead


def key_with(**scope: Any) -> list[dict[str, Any]]:
    return [{"name": "tester", "key_env": "TEST_KEY", **scope}]


@pytest.fixture
async def open_gateway(gateway_config: Callable[..., GatewayConfig], api_key: str) -> AsyncIterator[Callable[..., Any]]:
    """Starts a gateway with other sections, until the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(clock: Clock | None = None, **sections: Any) -> GatewayServer:
            config = gateway_config(**sections)
            return await stack.enter_async_context(running(config, environment={"TEST_KEY": api_key}, clock=clock))

        yield start


@asynccontextmanager
async def asking(gateway: GatewayServer | str, api_key: str) -> AsyncIterator[AsyncGateway]:
    """A client that need not wait before it takes a stream up again: its clock moves by itself."""
    address = gateway if isinstance(gateway, str) else gateway.address
    clock = ManualClock()
    async with AsyncGateway(address, api_key=api_key, model="small", timeout_ms=HANG_S * 1000, clock=clock) as client:
        yield client


async def outcome(client: AsyncGateway, request_id: str) -> str:
    try:
        await client.generate("Hi", request_id=request_id, sampling=SHORT)
    except errors.CloudRateLimited as refused:
        return "refused" if refused.retry_after_s is not None else "refused for ever"
    return "ok"


async def test_a_model_outside_the_scope_is_denied_and_not_listed(
    open_gateway: Callable[..., Any], api_key: str, upstream: SimulatedUpstream
) -> None:
    async with asking(await open_gateway(keys=key_with(models=["lar*"], max_tokens=100)), api_key) as client:
        assert [model.name for model in await client.models()] == ["large"]
        with pytest.raises(errors.CloudDenied, match="'tester' may not ask the model 'small'"):
            await client.generate("Hi", model="small")
        with pytest.raises(errors.CloudDenied, match="100 tokens at most"):
            await client.generate("Hi", model="large", sampling=Sampling(max_tokens=101))
        with pytest.raises(errors.CloudRejected, match="it has: large"):
            await client.generate("Hi", model="huge")
        assert upstream.chats == 0
        assert (await client.generate("Hi", model="large", sampling=Sampling(max_tokens=100))).text


async def test_a_key_that_has_expired_is_no_key(open_gateway: Callable[..., Any], api_key: str) -> None:
    gateway = await open_gateway(keys=key_with(expires_at="2026-01-01T00:00:00Z"))
    async with asking(gateway, api_key) as client:
        with pytest.raises(errors.CloudUnauthenticated, match="has expired"):
            await client.generate("Hi")


async def test_a_repeated_id_costs_nothing_and_a_failure_neither(
    open_gateway: Callable[..., Any], api_key: str, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(status=400), Reply(break_after=2), Reply()]
    async with asking(await open_gateway(keys=key_with(quota={"requests_per_day": 2})), api_key) as client:
        for fault in errors.CloudRejected, errors.CloudTruncated:
            with pytest.raises(fault):
                _ = [event async for event in client.stream("Hi")]
        for request_id in "one", "one", "two", "one":
            assert await outcome(client, request_id) == "ok"
        assert await outcome(client, "three") == "refused"
        assert await outcome(client, "one") == "ok"


async def test_a_burst_of_500_at_the_edge_never_exceeds_it(
    open_gateway: Callable[..., Any], api_key: str, upstream: SimulatedUpstream
) -> None:
    async with asking(await open_gateway(keys=key_with(quota={"requests_per_day": EDGE})), api_key) as client:
        outcomes = await asyncio.gather(*(outcome(client, str(number)) for number in range(500)))
    assert Counter(outcomes) == {"ok": EDGE, "refused": 500 - EDGE}
    assert upstream.chats == EDGE


async def test_nor_does_one_that_three_gateways_share(
    open_gateway: Callable[..., Any], api_key: str, upstream: SimulatedUpstream, redis_server: RedisServer
) -> None:
    shared = {
        "keys": key_with(tenant="acme"),
        "tenants": [{"name": "acme", "quota": {"requests_per_day": EDGE}}],
        "state": {"redis_url": redis_server.url, "key_prefix": f"{uuid.uuid4().hex}:", "timeout_s": HANG_S},
    }
    async with AsyncExitStack() as stack:
        gateways = [await open_gateway(**shared) for _ in range(3)]
        clients = [await stack.enter_async_context(asking(gateway, api_key)) for gateway in gateways]
        outcomes = await asyncio.gather(*(outcome(clients[number % 3], str(number)) for number in range(500)))
    assert Counter(outcomes) == {"ok": EDGE, "refused": 500 - EDGE}
    assert upstream.chats == EDGE


@asynccontextmanager
async def another_process(config: GatewayConfig, folder: Path, api_key: str) -> AsyncIterator[Any]:
    """A gateway that can be killed, and its address."""
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from cloud_gateway.cli import main; main()", "serve", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "TEST_KEY": api_key},
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), HANG_S)
        yield process, line.decode().split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_gateway_that_is_killed_in_mid_request_gives_its_reservations_back(
    gateway_config: Callable[..., GatewayConfig],
    open_gateway: Callable[..., Any],
    api_key: str,
    upstream: SimulatedUpstream,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    shared: dict[str, Any] = {
        "keys": key_with(quota={"requests_per_day": 5}),
        "state": {
            "redis_url": redis_server.url,
            "key_prefix": f"{uuid.uuid4().hex}:",
            "lease_s": 0.5,
            "timeout_s": HANG_S,
        },
    }
    clock = ClockAhead()
    upstream.replies = [Reply(hold_after=0)] * 4 + [Reply()]
    async with (
        another_process(gateway_config(**shared), tmp_path, api_key) as (process, address),
        asking(address, api_key) as doomed,
        asking(await open_gateway(clock, **shared), api_key) as client,
        asyncio.timeout(HANG_S),
    ):
        streams = [doomed.stream("Hi", request_id=f"lost-{number}", sampling=SHORT) for number in range(4)]
        assert [await anext(stream) for stream in streams] == [Started("small")] * 4
        assert await outcome(client, "billed") == "ok"
        assert await outcome(client, "over") == "refused"
        process.kill()
        ends = await asyncio.gather(*(anext(stream) for stream in streams), return_exceptions=True)
        assert [type(end) for end in ends] == [errors.CloudUnavailable] * 4
        assert await outcome(client, "lost-0") == "ok"  # taken over, with the reservation that it has
        assert await outcome(client, "still-over") == "refused"
        clock.ahead = timedelta(seconds=901)
        for request_id in "one", "two", "lost-0", "billed":
            assert await outcome(client, request_id) == "ok"
        assert await outcome(client, "lost-1") == "ok"
        assert await outcome(client, "one-too-many") == "refused"


async def test_a_caller_learns_what_their_key_has_used(open_gateway: Callable[..., Any], api_key: str) -> None:
    gateway = await open_gateway(
        keys=key_with(tenant="acme", quota={"requests_per_hour": 10}),
        tenants=[{"name": "acme", "quota": {"usd_per_month": "0.5"}}],
    )
    async with asking(gateway, api_key) as client:
        answer = await client.generate("Hi")
        usage = await client.usage()
    assert [(window.owner, window.name, window.stretch) for window in usage] == [
        ("key", "tester", "hour"),
        ("key", "tester", "day"),
        ("key", "tester", "month"),
        ("tenant", "acme", "day"),
        ("tenant", "acme", "month"),
    ]
    assert usage[0].requests == Quantity(1, 0, 10)
    assert usage[-1].nano_usd == Quantity(round(answer.usd * NANO), 0, NANO // 2)
    assert usage[-1].tokens.spent == answer.usage.prompt_tokens + answer.usage.completion_tokens
