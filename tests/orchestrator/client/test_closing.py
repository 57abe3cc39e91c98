"""Clients and streams that nobody closes: they end with their owner, and quietly."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import pytest

from orchestrator.client import Gateway
from orchestrator.client.testing import FakeGateway, FakeReply

SCRIPTS = {
    "blocking": "gateway = Gateway(target, model='m'); stream = gateway.stream('Hi'); next(stream)",
    "async": (
        "async def ask():\n"
        "    global gateway, stream\n"
        "    gateway = AsyncGateway(target, model='m')\n"
        "    stream = gateway.stream('Hi')\n"
        "    await anext(stream)\n"
        "asyncio.run(ask())\n"
    ),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_stream_that_is_open_when_the_interpreter_ends_says_nothing(kind: str) -> None:
    head = "import asyncio, sys\nfrom orchestrator.client import AsyncGateway, Gateway\ntarget = sys.argv[1]\n"
    with FakeGateway(FakeReply(hold_after=1)) as fake:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", head + SCRIPTS[kind], fake.target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(fake.requests) == 1


def test_a_client_that_is_dropped_ends_its_stream_and_its_thread() -> None:
    with FakeGateway(FakeReply(hold_after=1)) as fake:
        gateway = Gateway(fake.target, model="m")
        stream = gateway.stream("Hi")
        next(stream)
        (thread,) = [one for one in threading.enumerate() if one.name == "edgewise-gateway-client"]
        del gateway, stream
        while thread.is_alive():  # the suite's own time limit guards this
            gc.collect()
            thread.join(0.01)
        assert fake.cancelled == [fake.requests[0].request_id]
