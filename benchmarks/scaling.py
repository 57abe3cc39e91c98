"""What one answer costs each process on its way: a gateway alone, with Redis, three behind Envoy, and on Ray Serve.

`python -m benchmarks.scaling [--parts one redis envoy ray] [--answers N] [--tokens N --between-ms MS]` prints one
Markdown table. All processes are on one machine, over loopback, before a simulated model server that answers at once
with 32 tokens, or in a stream with `--tokens` of them, `--between-ms` apart. Processor time is the processes' own, from
/proc (Linux). docs/scaling.md reckons on from here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis
import yaml

from benchmarks.gateway import programs
from benchmarks.gateway.callers import SdkCaller
from benchmarks.gateway.load import AT_ONCE
from benchmarks.gateway.programs import MODEL, Program
from simulation.ray_cluster import RayCluster
from simulation.redis_server import RedisServer
from simulation.scale import Scale

_PARTS: Final = ("one", "redis", "envoy", "ray")
_WARM_UP: Final = 64
_PACED: Final = 100
_PER_SECOND: Final = 50
_SERVE_FILE: Final = Path(__file__).parents[1] / "deploy/ray/serve.yaml"
_HTTP_PORT, _GRPC_PORT = 18_000, 15_051


@dataclass(frozen=True, slots=True)
class Setup:
    """Processes between a caller and a model server."""

    name: str
    front: Program
    """What is called."""
    gateways: tuple[Program, ...]
    others: tuple[Program, ...] = ()
    """Envoy, or Serve's proxies."""
    redis: RedisServer | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one answer, in milliseconds of processor time."""

    gateways_ms: float
    others_ms: float
    redis_ms: float
    redis_commands: float
    """Those within scripts are counted, too."""

    def words(self) -> list[str]:
        """The figures, as cells of a table."""
        capacity = f"{1000 / self.redis_ms:.0f}" if self.redis_ms else "–"
        times = (f"{each:.2f}" for each in (self.gateways_ms, self.others_ms, self.redis_ms))
        return [f"{1000 / self.gateways_ms:.0f}", *times, f"{self.redis_commands:.1f}", capacity]


@contextmanager
def one(before: Program) -> Iterator[Setup]:
    """A gateway that shares nothing."""
    with programs.gateway(before) as gateway:
        yield Setup("one gateway, alone", gateway, (gateway,))


@contextmanager
def one_with_redis(before: Program) -> Iterator[Setup]:
    """A gateway that shares with none, but could."""
    with RedisServer() as server, programs.gateway(before, state={"redis_url": server.url}) as gateway:
        yield Setup("one gateway, Redis", gateway, (gateway,), redis=server)


@contextmanager
def three_behind_envoy(before: Program) -> Iterator[Setup]:
    """As deploy/scale has it, with Envoy on one core."""
    with RedisServer() as server, tempfile.TemporaryDirectory() as folder:
        file = _gateway_file(Path(folder), before, server)
        with Scale(Path(folder), file, environment=os.environ) as scale:
            assert scale.envoy is not None
            front = Program(scale.envoy.pid, scale.target)
            gateways = tuple(
                Program(process.pid, address) for process, address in zip(scale.gateways, scale.addresses, strict=True)
            )
            yield Setup("three, Redis, Envoy", front, gateways, (front,), server)


@contextmanager
def on_ray(before: Program) -> Iterator[Setup]:
    """As deploy/ray has it, with one replica of the gateway and no model."""
    with RedisServer() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        serve: dict[str, Any] = yaml.safe_load(_SERVE_FILE.read_text("utf-8"))
        serve["http_options"]["port"], serve["grpc_options"]["port"] = _HTTP_PORT, _GRPC_PORT
        application = serve["applications"][0]
        serve["applications"] = [application]
        application["args"]["config"] = str(_gateway_file(folder, before, server))
        application["deployments"][0]["autoscaling_config"] |= {"min_replicas": 1, "max_replicas": 1}
        file = folder / "serve.yaml"
        file.write_text(yaml.safe_dump(serve), "utf-8")
        with RayCluster(file, log=folder / "ray.log", environment=dict(os.environ)) as ray:
            address = f"127.0.0.1:{_GRPC_PORT}"
            gateways, proxies = (
                tuple(Program(pid, address) for pid in ray.processes(words))
                for words in ("ray::ServeReplica:gateway", "ray::ProxyActor")
            )
            yield Setup("Ray Serve, one replica, Redis", Program(0, address), gateways, proxies, server)


def _gateway_file(folder: Path, before: Program, server: RedisServer) -> Path:
    model = {"name": MODEL, "context_tokens": 8192}
    prices = {"usd_per_million_prompt_tokens": 0.15, "usd_per_million_completion_tokens": 0.6}
    config = {
        "allow_anonymous": True,
        "upstream": {"base_url": f"http://{before.address}/v1"},
        "models": [model | prices],
        "state": {"redis_url": server.url},
    }
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    return file


SETUPS: Final[Mapping[str, Callable[[Program], Any]]] = dict(
    zip(_PARTS, (one, one_with_redis, three_behind_envoy, on_ray), strict=True)
)


async def costs(setup: Setup, ask: Callable[[], Awaitable[object]], *, answers: int) -> Costs:
    """Of `answers` answers, `AT_ONCE` at a time."""
    await _burst(ask, _WARM_UP)
    with ExitStack() as opened:
        seen = _Counter(setup, opened)
        before = seen.now()
        await _burst(ask, answers)
        after = seen.now()
    gateways_s, others_s, redis_s, commands = (
        (late - early) / answers for early, late in zip(before, after, strict=True)
    )
    return Costs(gateways_s * 1000, others_s * 1000, redis_s * 1000, commands)


class _Counter:
    """Processor seconds of a setup's processes, and Redis' commands."""

    def __init__(self, setup: Setup, opened: ExitStack) -> None:
        self._setup = setup
        self._client = redis.Redis.from_url(setup.redis.url) if setup.redis else None
        if self._client is not None:
            opened.callback(self._client.close)

    def now(self) -> tuple[float, float, float, float]:
        processes = self._setup.gateways, self._setup.others
        gateways_s, others_s = (sum(program.cpu_s for program in each) for each in processes)
        if self._client is None or self._setup.redis is None:
            return gateways_s, others_s, 0.0, 0.0
        commands = self._client.info("stats")["total_commands_processed"]
        return gateways_s, others_s, Program(self._setup.redis.pid, "").cpu_s, float(commands)


async def _burst(ask: Callable[[], Awaitable[object]], answers: int) -> None:
    left = iter(range(answers))

    async def worker() -> None:
        for _ in left:
            await ask()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def latency_ms(ask: Callable[[], Awaitable[object]]) -> float:
    """The median of whole answers, `_PER_SECOND` a second."""
    begin = time.perf_counter()

    async def one_at(at_s: float) -> float:
        await asyncio.sleep(max(0.0, begin + at_s - time.perf_counter()))
        asked_at = time.perf_counter()
        await ask()
        return (time.perf_counter() - asked_at) * 1000

    return statistics.median(await asyncio.gather(*(one_at(number / _PER_SECOND) for number in range(_PACED))))


async def rows(setup: Setup, *, answers: int) -> list[list[str]]:
    """Cells: the setup, the kind of answer, its costs, its latency."""
    async with SdkCaller(setup.front) as caller:
        whole = await costs(setup, caller.ask, answers=answers)
        streamed = await costs(setup, caller.first_text_ms, answers=answers // 3)
        median_ms = await latency_ms(caller.ask)
    return [
        [setup.name, "whole", *whole.words(), f"{median_ms:.2f} ms"],
        [setup.name, "streamed", *streamed.words(), "–"],
    ]


def _upstream(given: argparse.Namespace) -> AbstractContextManager[Program]:
    return programs.upstream(tokens=given.tokens, between_ms=given.between_ms)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--answers", type=int, default=1500, help="whole answers of each setup; streams are a third")
    parser.add_argument("--tokens", type=int, default=32, help="of every answer")
    parser.add_argument("--between-ms", type=float, default=0.0, help="milliseconds between two tokens of a stream")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print("| setup | answer | a CPU second of gateway | gateways, ms | Envoy or Serve's proxy, ms | Redis, ms ", end="")
    print("| Redis commands | a core of Redis | p50 at 50/s |\n|---|---|---|---|---|---|---|---|---|")
    for part in given.parts:
        with _upstream(given) as upstream, SETUPS[part](upstream) as setup:
            for row in asyncio.run(rows(setup, answers=given.answers)):
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
