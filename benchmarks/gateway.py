"""What the gateway adds: latency over calling its upstream directly, processor time, memory.

`python -m benchmarks.gateway [--requests 300] [--burst 2000]` prints a Markdown table. Three processes on one machine,
over loopback: a simulated upstream that answers at once, the gateway before it, and this one, which asks the upstream
through httpx and the gateway through the SDK. Processor time and memory are the gateway's own, from /proc (Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml

from orchestrator.client import AsyncGateway
from orchestrator.types import TextDelta

_MODEL: Final = "simulated"
_TOKENS: Final = 32
_PER_SECOND: Final = 50
_AT_ONCE: Final = 32
_STREAMS: Final = 100
_BODY: Final = {"model": _MODEL, "messages": [{"role": "user", "content": "What do bees make?"}], "max_tokens": 256}


@dataclass(frozen=True, slots=True)
class Program:
    """A child process that listens."""

    pid: int
    address: str

    @property
    def cpu_s(self) -> float:
        """Processor seconds that it has used, in user and system mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_mb(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def started(*command: str) -> Iterator[Program]:
    """Run a Python program until the end of the block; its first line says where it listens."""
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert child.stdout is not None
        yield Program(child.pid, child.stdout.readline().split()[-1])
    finally:
        child.terminate()
        child.communicate()


@contextmanager
def gateway_before(upstream: Program) -> Iterator[Program]:
    """A gateway process."""
    config = {
        "allow_anonymous": True,
        "upstream": {"base_url": f"http://{upstream.address}/v1"},
        "models": [
            {
                "name": _MODEL,
                "context_tokens": 8192,
                "usd_per_million_prompt_tokens": 0.15,
                "usd_per_million_completion_tokens": 0.6,
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yaml"
        file.write_text(yaml.safe_dump(config))
        script = "from cloud_gateway.cli import main; main()"
        with started("-c", script, "serve", "--config", str(file), "--port", "0") as gateway:
            yield gateway


async def paced(calls: Sequence[Callable[[], Awaitable[object]]], *, requests: int) -> list[list[float]]:
    """Milliseconds of `requests` of each of `calls`, begun by turns at `_PER_SECOND` each, whatever earlier ones do.

    By turns, so that whatever else the machine does meets all of them alike.
    """
    begin = time.perf_counter()
    turns = [(number / _PER_SECOND / len(calls), call) for number, call in enumerate([*calls] * requests)]

    async def one(at_s: float, call: Callable[[], Awaitable[object]]) -> float:
        await asyncio.sleep(max(0.0, begin + at_s - time.perf_counter()))
        started_at = time.perf_counter()
        await call()
        return (time.perf_counter() - started_at) * 1000

    took = await asyncio.gather(*(one(at_s, call) for at_s, call in turns))
    return [took[place :: len(calls)] for place in range(len(calls))]


async def burst(call: Callable[[], Awaitable[object]], *, requests: int) -> float:
    """Seconds for `requests` calls, `_AT_ONCE` at a time."""
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            await call()

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    return time.perf_counter() - begin


async def first_chunk_direct(client: httpx.AsyncClient) -> float:
    """Milliseconds to the first text of a stream from the upstream itself."""
    begin = time.perf_counter()
    async with client.stream("POST", "chat/completions", json={**_BODY, "stream": True}) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                return (time.perf_counter() - begin) * 1000
    raise RuntimeError("the upstream sent no text")


async def first_chunk(gateway: AsyncGateway) -> float:
    """Milliseconds to the first text of a stream through the gateway."""
    begin = time.perf_counter()
    async with aclosing(gateway.stream("What do bees make?")) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                return (time.perf_counter() - begin) * 1000
    raise RuntimeError("the gateway sent no text")


async def measure(upstream: Program, gateway: Program, *, requests: int, burst_requests: int) -> list[tuple[str, str]]:
    """All figures, as rows of words."""
    idle_mb = gateway.resident_mb
    limits = httpx.Limits(max_connections=_STREAMS, max_keepalive_connections=_STREAMS)
    async with (
        httpx.AsyncClient(base_url=f"http://{upstream.address}/v1/", limits=limits, trust_env=False) as direct,
        AsyncGateway(gateway.address, model=_MODEL) as through,
    ):

        async def ask_direct() -> None:
            (await direct.post("chat/completions", json=_BODY)).raise_for_status()

        async def ask() -> None:
            await through.generate("What do bees make?")

        for call in ask_direct, ask:
            await burst(call, requests=100)  # warm up
        alone, with_gateway = await paced([ask_direct, ask], requests=requests)
        before_s = gateway.cpu_s
        burst_s = await burst(ask, requests=burst_requests)
        cpu_s = gateway.cpu_s - before_s
        chunk_alone = await asyncio.gather(*(first_chunk_direct(direct) for _ in range(_STREAMS)))
        chunk = await asyncio.gather(*(first_chunk(through) for _ in range(_STREAMS)))
    return [
        (f"unary latency at {_PER_SECOND}/s, httpx to the upstream, p50 / p99", percentiles(alone)),
        (f"unary latency at {_PER_SECOND}/s, SDK through the gateway, p50 / p99", percentiles(with_gateway)),
        ("**added latency, p50 / p99**", f"**{difference(with_gateway, alone)}**"),
        ("**unary requests per CPU second of the gateway**", f"**{burst_requests / cpu_s:.0f}**"),
        (
            f"unary requests per second, {_AT_ONCE} at once, all on these cores",
            f"{burst_requests / burst_s:.0f}",
        ),
        (f"first text of {_STREAMS} streams at once, httpx to the upstream, p50 / p99", percentiles(chunk_alone)),
        (f"first text of {_STREAMS} streams at once, SDK through the gateway, p50 / p99", percentiles(chunk)),
        ("resident memory, idle / afterwards", f"{idle_mb:.0f} / {gateway.resident_mb:.0f} MB"),
    ]


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which `share` percent of `values` lie."""
    return statistics.quantiles(values, n=100)[share - 1]


def percentiles(values: Sequence[float]) -> str:
    """p50 and p99, in words."""
    return f"{percentile(values, 50):.2f} / {percentile(values, 99):.2f} ms"


def difference(values: Sequence[float], base: Sequence[float]) -> str:
    """How much later p50 and p99 come than those of `base`, in words."""
    return " / ".join(f"{percentile(values, share) - percentile(base, share):.2f}" for share in (50, 99)) + " ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the gateway adds.")
    parser.add_argument("--requests", type=int, default=300, help="requests of the paced runs")
    parser.add_argument("--burst", type=int, default=2000, help="requests of the burst")
    given = parser.parse_args()
    with ExitStack() as running:
        upstream = running.enter_context(started("-m", "simulation.upstream", "--tokens", str(_TOKENS)))
        gateway = running.enter_context(gateway_before(upstream))
        rows = asyncio.run(measure(upstream, gateway, requests=given.requests, burst_requests=given.burst))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, answers of {_TOKENS} tokens\n")
    print("| the gateway | |\n|---|---|")
    for name, figure in rows:
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
