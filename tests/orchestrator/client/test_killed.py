"""One of three gateways is killed, with streams in mid-air: through Redis the others go on, and nobody notices."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed, Started, TextDelta
from simulation.redis_server import RedisServer
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
STREAMS = 12
HANG_S = 120


@asynccontextmanager
async def process(
    config: GatewayConfig, folder: Path, key: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A gateway in a process of its own, which may be killed."""
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    gateway = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from cloud_gateway.cli import main; main()",
        "serve",
        "--config",
        str(file),
        env={**os.environ, "TEST_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert gateway.stdout is not None
        yield (await gateway.stdout.readline()).decode().split()[-1], gateway
    finally:
        if gateway.returncode is None:
            gateway.kill()
        await gateway.wait()


async def test_no_stream_loses_a_character(
    gateway_config: Callable[..., GatewayConfig],
    upstream: SimulatedUpstream,
    redis_server: RedisServer,
    api_key: str,
    tmp_path: Path,
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    state = {"redis_url": redis_server.url, "key_prefix": f"{uuid.uuid4().hex}:", "lease_s": 1.0, "timeout_s": 30}
    config = gateway_config(state=state, replay={})
    async with AsyncExitStack() as stack, asyncio.timeout(HANG_S):
        doomed, victim = await stack.enter_async_context(process(config, tmp_path, api_key))
        others = [await stack.enter_async_context(running(config, environment={"TEST_KEY": api_key})) for _ in range(2)]
        targets = [doomed, *(other.address for other in others)]
        client = await stack.enter_async_context(AsyncGateway(targets, api_key=api_key, model="small"))
        streams = [client.stream(f"Question {number}") for number in range(STREAMS)]
        begun = [[await anext(stream) for _ in range(3)] for stream in streams]
        assert begun == [[Started("small"), TextDelta("Bees"), TextDelta(" make")]] * STREAMS
        victim.kill()
        upstream.release.set()
        rests = await asyncio.gather(*(rest(stream) for stream in streams))
        assert rests == [" honey."] * STREAMS
        assert upstream.chats >= STREAMS + STREAMS // 3, "a third of them was taken over"


async def rest(stream: AsyncIterator[object]) -> str:
    """The text that is still to come, up to the receipt."""
    events = [event async for event in stream]
    assert isinstance(events[-1], Completed)
    return "".join(event.text for event in events if isinstance(event, TextDelta))
