"""A client in another language, examples/node-client: real Node, a real gateway, a connection that is cut."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import GatewayServer, running
from simulation.upstream import Reply, SimulatedUpstream
from tests.orchestrator.client.wire import Wire

FOLDER = Path(__file__).parents[3] / "examples" / "node-client"
NODE = shutil.which("node")
HANG_S = 120

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("one_loop"),
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").exists(), reason="its packages are not installed: npm ci in examples/node-client"
    ),
]


async def ask(target: str, key: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        NODE or "node",
        "ask.mjs",
        target,
        "small",
        "What do bees make?",
        cwd=FOLDER,
        env={**os.environ, "GATEWAY_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_stream_goes_on_where_its_connection_was_cut(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        running(gateway_config(replay={}), environment={"TEST_KEY": api_key}) as gateway,
        Wire(gateway.address) as wire,
        asyncio.timeout(HANG_S),
    ):
        node = await ask(wire.target, api_key)
        assert node.stdout is not None
        assert await node.stdout.readexactly(len("Bees make")) == b"Bees make"
        wire.cut()
        upstream.release.set()
        rest, complaints = await node.communicate()
        assert (rest, complaints) == (b" honey.\n4 tokens, 0.000003 USD\n", b"")
        assert (node.returncode, upstream.chats, wire.connections) == (0, 1, 2)


async def test_an_error_says_why_and_how_long_to_wait(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(status=429, headers={"Retry-After": "7"})]
    async with asyncio.timeout(HANG_S):
        node = await ask(gateway.address, api_key)
        said, complaint = await node.communicate()
    assert (node.returncode, said) == (1, b"")
    assert complaint.startswith(b"RESOURCE_EXHAUSTED cloud_rate_limited: ")
    assert complaint.endswith(b"(wait 7 s)\n")


def test_the_lock_names_no_registry() -> None:
    lock = (FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert "://" not in "".join(line for line in lock.splitlines() if '"url"' not in line)
