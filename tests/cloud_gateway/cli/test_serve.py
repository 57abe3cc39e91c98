"""`edgewise-gateway` as its operator runs it: real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import yaml

from cloud_gateway.config import GatewayConfig
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.testing import ManualClock
from orchestrator.types import Completed, Started, TextDelta
from simulation.upstream import Reply, SimulatedUpstream

HANG_S = 120
PROGRAM = (sys.executable, "-c", "from cloud_gateway.cli import main; main()")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_mistake_is_one_line_and_a_status(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("upstreem: {}")
    done = run("serve", "--config", str(file))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "did you mean 'upstream'?" in done.stderr
    done = run("ping", "127.0.0.1:1")
    assert done.returncode == 1
    assert "check that the gateway runs" in done.stderr


def test_help_names_every_command() -> None:
    done = run("--help", COLUMNS="100")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("serve", "keys", "ping", "usage"))


@asynccontextmanager
async def serving(config: Path, key: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway process, and where it says that it listens."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("serve", "--config", str(config), "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TEST_KEY": key},
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), HANG_S)).decode()
        assert line.startswith("listening on 127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_it_stops(watcher: AsyncGateway) -> None:
    """Return once the gateway says that it serves no more."""
    with suppress(errors.CloudUnavailable):
        while True:
            await watcher.ping()


def rename(config: Path, old: str, new: str) -> None:
    """Give a model another name in the file."""
    config.write_text(config.read_text().replace(f"name: {old}", f"name: {new}"))


@pytest.fixture
def config(tmp_path: Path, gateway_config: Callable[..., GatewayConfig]) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(gateway_config().model_dump_json())))
    return file


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_stream_end_and_then_the_process(
    config: Path, upstream: SimulatedUpstream, api_key: str, number: signal.Signals
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        serving(config, api_key) as (process, address),
        AsyncGateway(address, api_key=api_key, model="small") as client,
        AsyncGateway(address) as watcher,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        assert [await anext(stream) for _ in range(3)] == [Started("small"), TextDelta("Bees"), TextDelta(" make")]
        process.send_signal(number)
        await until_it_stops(watcher)
        upstream.release.set()
        rest = [event async for event in stream]
        assert isinstance(rest[-1], Completed)
        assert await process.wait() == 0
        assert process.stderr is not None
        log = [json.loads(line) for line in (await process.stderr.read()).decode().splitlines()]
    assert [line["outcome"] for line in log if line["event"] == "call"] == ["ok"]


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_a_second_signal_ends_it_at_once(config: Path, upstream: SimulatedUpstream, api_key: str) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        serving(config, api_key) as (process, address),
        AsyncGateway(address, api_key=api_key, model="small", clock=ManualClock()) as client,
        AsyncGateway(address) as watcher,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        assert [await anext(stream) for _ in range(3)] == [Started("small"), TextDelta("Bees"), TextDelta(" make")]
        process.terminate()
        await until_it_stops(watcher)
        process.terminate()
        with pytest.raises(errors.CloudUnavailable):
            await anext(stream)
        assert await process.wait() == 0
        await upstream.disconnected.wait()


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_a_gateway_that_is_killed_leaves_what_came(
    config: Path, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        serving(config, api_key) as (process, address),
        AsyncGateway(address, api_key=api_key, model="small", clock=ManualClock()) as client,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        assert [await anext(stream) for _ in range(3)] == [Started("small"), TextDelta("Bees"), TextDelta(" make")]
        process.kill()
        with pytest.raises(errors.CloudUnavailable):
            await anext(stream)
        with pytest.raises(errors.CloudUnavailable):
            await client.generate("Hi")
        await upstream.disconnected.wait()


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_ping_is_a_health_check_and_sighup_reads_the_file_again(
    config: Path, upstream: SimulatedUpstream, api_key: str
) -> None:
    async with serving(config, api_key) as (process, address), asyncio.timeout(HANG_S):
        done = await asyncio.to_thread(run, "ping", address)
        assert (done.returncode, done.stdout) == (0, f"{address} is up\n")
        rename(config, "large", "larger")
        process.send_signal(signal.SIGHUP)
        async with AsyncGateway(address, api_key=api_key) as client:
            names: set[str] = set()
            while "larger" not in names:
                names = {model.name for model in await client.models()}
