"""A gateway that dies or stands still in the middle of an answer: real processes, a real Redis, one bill."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import yaml

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator.chat import Chat
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Sampling
from orchestrator.v1 import gateway_service_pb2_grpc
from orchestrator.wire import requests
from simulation.redis_server import RedisServer
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 120
CHAT = Chat(model="small", messages=(OutboundMessage("user", arrived("What do bees?")),), sampling=Sampling())
HALF = ("Bees", " 🐝", " hum")
REST = (" and", " hum.")
ANSWER = "".join(HALF + REST)


@pytest.fixture
def config(gateway_config: Callable[..., GatewayConfig], redis_server: RedisServer) -> GatewayConfig:
    state = {"redis_url": redis_server.url, "key_prefix": f"{uuid.uuid4().hex}:", "lease_s": 0.5}
    return gateway_config(state=state, replay={"linger_s": HANG_S})


@pytest.fixture
def metadata(api_key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key}"),)


@asynccontextmanager
async def process(
    config: GatewayConfig, folder: Path, key: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Any]]:
    """A gateway of its own process, and a way to ask it."""
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    program = "from cloud_gateway.cli import main; main()"
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "serve", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TEST_KEY": key},
    )
    assert gateway.stdout is not None
    try:
        address = (await gateway.stdout.readline()).decode().split()[-1]
        async with grpc.aio.insecure_channel(address) as channel:
            yield gateway, gateway_service_pb2_grpc.GatewayServiceStub(channel)
    finally:
        if gateway.returncode is None:
            gateway.kill()
        await gateway.communicate()


@asynccontextmanager
async def standing_by(config: GatewayConfig, key: str) -> AsyncIterator[Any]:
    """A second gateway, in this process, and a way to ask it."""
    async with (
        running(config, environment={"TEST_KEY": key}) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
    ):
        yield gateway_service_pb2_grpc.GatewayServiceStub(channel)


async def begin(stub: Any, metadata: Any) -> tuple[Any, str, int]:
    """A call that has had the first half of the answer: its events, its text, its cursor."""
    events = aiter(stub.StreamGenerate(requests.encode_stream("id", CHAT), metadata=metadata))
    text, cursor = "", 0
    while text != "".join(HALF):
        event = await anext(events)
        text, cursor = text + event.text_delta.text, event.cursor
    return events, text, cursor


async def rest_of(stub: Any, cursor: int, metadata: Any) -> tuple[str, Any]:
    """What comes behind a cursor: text and receipt."""
    request = requests.encode_stream("id", CHAT, resume_from=cursor)
    events = [event async for event in stub.StreamGenerate(request, metadata=metadata)]
    assert (events[-1].WhichOneof("event"), events[-1].cursor) == ("finished", len(ANSWER))
    return "".join(event.text_delta.text for event in events), events[-1].finished


def bills(caplog: pytest.LogCaptureFixture) -> int:
    return [record.message for record in caplog.records].count("billed")


async def test_an_answer_outlives_the_gateway_that_was_killed_in_the_middle_of_it(
    config: GatewayConfig,
    upstream: SimulatedUpstream,
    api_key: str,
    metadata: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cloud_gateway")
    upstream.replies = [Reply(pieces=(*HALF, " never"), hold_after=3), Reply(pieces=REST)]
    async with (
        asyncio.timeout(HANG_S),
        standing_by(config, api_key) as other,
        process(config, tmp_path, api_key) as (gateway, stub),
    ):
        events, text, cursor = await begin(stub, metadata)
        gateway.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await anext(events)
        rest, finished = await rest_of(other, cursor, metadata)
        assert text + rest == ANSWER
        assert await rest_of(other, 0, metadata) == (ANSWER, finished)  # and from the beginning, as often as wanted
    asked = upstream.seen[1].body
    assert asked["messages"][-1] == {"role": "assistant", "content": "".join(HALF)}
    assert asked["max_tokens"] == CHAT.sampling.max_tokens - len(HALF)
    # The prompt once, and what both gateways had written; the second upstream call had three words of it in its prompt.
    usage = finished.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (3, len(HALF + REST), True)
    assert (upstream.chats, bills(caplog)) == (2, 1)


async def test_a_gateway_that_stood_still_finds_its_answer_taken_over_and_follows_it(
    config: GatewayConfig,
    upstream: SimulatedUpstream,
    api_key: str,
    metadata: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cloud_gateway")
    upstream.replies = [Reply(pieces=(*HALF, " never"), hold_after=3), Reply(pieces=REST)]
    async with (
        asyncio.timeout(HANG_S),
        standing_by(config, api_key) as other,
        process(config, tmp_path, api_key) as (gateway, stub),
    ):
        events, text, cursor = await begin(stub, metadata)
        gateway.send_signal(signal.SIGSTOP)
        rest, finished = await rest_of(other, cursor, metadata)
        upstream.release.set()  # " never" waits for the sleeper
        gateway.send_signal(signal.SIGCONT)
        late = [event async for event in events]
        assert "".join(event.text_delta.text for event in late) == rest
        assert (text + rest, late[-1].finished) == (ANSWER, finished)
        gateway.terminate()
        assert gateway.stderr is not None
        log = (await gateway.stderr.read()).decode()
    assert '"billed"' not in log
    assert (upstream.chats, bills(caplog)) == (2, 1)
