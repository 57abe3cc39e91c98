"""The blocking client: the same gateway, from threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager

import pytest

from orchestrator import errors
from orchestrator.blocking import EventLoopThread
from orchestrator.client import Gateway
from orchestrator.types import Completed, Started, TextDelta
from simulation.upstream import Reply, SimulatedUpstream

KEY = "a-key-for-blocking-tests"


@contextmanager
def stage(*replies: Reply) -> Iterator[tuple[SimulatedUpstream, str]]:
    """A gateway and its upstream on a loop of their own, as in another process."""
    from cloud_gateway.config import GatewayConfig
    from cloud_gateway.server import running

    async def start() -> tuple[SimulatedUpstream, str]:
        upstream = await resources.enter_async_context(SimulatedUpstream(*replies))
        price = {"usd_per_million_prompt_tokens": 1, "usd_per_million_completion_tokens": 1}
        config = GatewayConfig.model_validate(
            {
                "listen": "127.0.0.1:0",
                "keys": [{"name": "tester", "key_env": "KEY"}],
                "upstream": {"base_url": upstream.base_url},
                "models": [{"name": "small", "context_tokens": 4096, **price}],
            }
        )
        server = await resources.enter_async_context(running(config, environment={"KEY": KEY}))
        return upstream, server.address

    resources = AsyncExitStack()
    thread = EventLoopThread("gateway-for-tests")
    try:
        yield thread.run(start)
    finally:
        thread.run(resources.aclose)
        thread.close()


def test_many_threads_share_one_client() -> None:
    with stage() as (upstream, address), Gateway(address, api_key=KEY, model="small") as gateway:

        def ask(number: int) -> str:
            if number % 2:
                return gateway.generate("What do bees make?").text
            with gateway.stream("What do bees make?") as events:
                return "".join(event.text for event in events if isinstance(event, TextDelta))

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(64))) == {"Bees make honey."}
        assert upstream.chats == 64
        assert [model.name for model in gateway.models()] == ["small"]
        gateway.ping()


def test_a_stream_has_the_same_events() -> None:
    with stage() as (_, address), Gateway(address, api_key=KEY, model="small") as gateway:
        events = list(gateway.stream("What do bees make?"))
    assert events[0] == Started("small")
    assert isinstance(events[-1], Completed)


def test_leaving_a_stream_early_hangs_up_upstream() -> None:
    with stage(Reply(hold_after=2)) as (upstream, address), Gateway(address, api_key=KEY, model="small") as gateway:
        with gateway.stream("Wait.") as events:
            assert [next(events), next(events)] == [Started("small"), TextDelta("Bees")]
        while not upstream.disconnected.is_set():  # the suite's own time limit guards this
            gateway.ping()


def test_errors_are_typed_and_a_closed_client_says_so() -> None:
    with stage() as (_, address):
        gateway = Gateway(address, api_key="some-other-key-altogether", model="small")
        with pytest.raises(errors.CloudUnauthenticated, match="keys create"):
            gateway.generate("Hi")
        with pytest.raises(errors.CloudUnauthenticated):
            list(gateway.stream("Hi"))
        gateway.close()
        gateway.close()
        with pytest.raises(errors.InvalidRequest, match="closed"):
            gateway.generate("Hi")


def test_a_client_that_was_never_used_starts_no_thread() -> None:
    before = threading.active_count()
    gateway = Gateway("127.0.0.1:1")
    assert threading.active_count() == before
    gateway.close()


def test_importing_the_sdk_brings_no_heavy_parts() -> None:
    script = (
        "import sys, threading, orchestrator.client\n"
        "heavy = 'onnxruntime sqlite_utils pydantic numpy httpx yaml edge_agent cloud_gateway'.split()\n"
        "print([name for name in heavy if name in sys.modules], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[] 1\n"


def test_a_script_that_forgets_to_close_still_exits_quietly() -> None:
    script = (
        "from orchestrator.client import Gateway\n"
        "from orchestrator.errors import CloudUnavailable\n"
        "gateway = Gateway('127.0.0.1:1', model='m')\n"
        "try: gateway.generate('Hi')\n"
        "except CloudUnavailable: print('as expected')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "as expected\n", "")
