"""What the gateway adds and takes: latency over calling its model server directly, processor time, memory.

`python -m benchmarks.gateway [--state] [--litellm PYTHON] [--parts speed crowd soak overload]` prints Markdown tables.
All processes are on one machine, over loopback: a simulated model server that answers at once, the gateway before it,
with `--state` another gateway that keeps its accounts and runs in a Redis, with `--litellm` LiteLLM's proxy, and this
one, which asks the server and LiteLLM with aiohttp and the gateways through the SDK, by turns. Processor time and
memory are the programs' own, from /proc (Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.gateway import programs
from benchmarks.gateway.callers import Caller, HttpCaller, SdkCaller
from benchmarks.gateway.crowd import allow_many_files, crowd
from benchmarks.gateway.load import AT_ONCE, PER_SECOND, STREAMS, answers_per_cpu_s, burst, first_texts_ms, paced
from benchmarks.gateway.overload import Load, overload
from benchmarks.gateway.programs import Program
from benchmarks.gateway.soak import soak
from simulation.redis_server import RedisServer

_PARTS: Final = ("speed", "crowd", "soak", "overload")
_WARM_UP: Final = 200
_LITELLM: Final = "LiteLLM"
_BOUNDS: Final[dict[str, tuple[str, float, dict[str, int]]]] = {
    "model": ("16 answers at once, of 0.2 s", 200.0, {"runs": 16, "queue": 64}),
    "processor": ("the processor", 0.0, {"pending": 128}),
}
"""What more cannot be had of: in words, milliseconds of an answer, and the section `admission`."""


async def speed(
    upstream: Program, proxies: dict[str, Program], *, requests: int, answers: int, rounds: int
) -> list[list[str]]:
    """Rows of words, one for each figure: its name, then the figure of each proxy."""
    idle_mb = [program.resident_mb for program in proxies.values()]
    async with AsyncExitStack() as opened:
        direct = await opened.enter_async_context(HttpCaller(upstream))
        callers: list[Caller] = [
            await opened.enter_async_context(HttpCaller(program) if name == _LITELLM else SdkCaller(program))
            for name, program in proxies.items()
        ]
        for caller in (direct, *callers):
            await burst(caller, requests=_WARM_UP)
        alone, *through = await paced([direct, *callers], requests=requests)
        rates = [
            await answers_per_cpu_s(caller, program, requests=answers)
            for caller, program in zip(callers, proxies.values(), strict=True)
        ]
        first_alone, *firsts = await first_texts_ms([direct, *callers], rounds=rounds)
    return [
        [f"whole answers at {PER_SECOND}/s, p50 / p99", *map(percentiles, through)],
        ["**added latency, p50 / p99**", *(difference(each, alone) for each in through)],
        ["**whole answers per CPU second of the process**", *(f"{per_cpu_s:.0f}" for per_cpu_s, _ in rates)],
        [f"whole answers a second, {AT_ONCE} at once", *(f"{per_s:.0f}" for _, per_s in rates)],
        [f"first text of {STREAMS} streams at once, p50 / p99", *map(percentiles, firsts)],
        ["**added time to first text, p50 / p99**", *(difference(each, first_alone) for each in firsts)],
        ["**resident memory, idle**", *(f"{mb:.0f} MB" for mb in idle_mb)],
        ["resident memory, afterwards", *(f"{program.resident_mb:.0f} MB" for program in proxies.values())],
        ["the model server itself, p50 / p99", percentiles(alone)],
        [f"the model server itself, first text of {STREAMS}, p50 / p99", percentiles(first_alone)],
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


def show_speed(given: argparse.Namespace) -> None:
    """Latency, processor time and idle memory, beside shared state and LiteLLM's proxy where they are asked for."""
    with ExitStack() as running:
        upstream = running.enter_context(programs.upstream())
        proxies = {"gateway": running.enter_context(programs.gateway(upstream))}
        if given.state:
            redis = running.enter_context(RedisServer())
            shared = running.enter_context(programs.gateway(upstream, state={"redis_url": redis.url}))
            proxies["gateway, shared state"] = shared
        if given.litellm:
            proxies[_LITELLM] = running.enter_context(programs.litellm(given.litellm, upstream))
        rows = asyncio.run(speed(upstream, proxies, requests=given.requests, answers=given.burst, rounds=given.rounds))
    print(f"| answers of 32 tokens | {' | '.join(proxies)} |\n|---|{'---|' * len(proxies)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def show_crowd(given: argparse.Namespace) -> None:
    """Streams open at once."""
    allow_many_files()
    room = {"runs": given.streams, "calls": 2 * given.streams}
    with (
        programs.upstream(tokens=600, between_ms=1000) as upstream,
        programs.gateway(upstream, admission=room) as gateway,
    ):
        found = asyncio.run(crowd(gateway, streams=given.streams))
    print(f"\n{found.open} of {given.streams} streams open at once, {found.failed} failed,", end=" ")
    print(f"{found.refused} came again when they were told to,")
    print(f"{found.kb_each:.0f} kB each, {found.chunks_per_s:.0f} chunks a second, {found.cpu_share:.2f} of a core")


async def soaked(gateway: Program, minutes: float, per_s: float) -> None:
    """Print what steady load did."""
    async with SdkCaller(gateway) as caller:
        found = await soak(caller, gateway, minutes=minutes, per_s=per_s)
    print(f"\n{found.answers} answers in {minutes:g} minutes: {found.warm_mb:.1f} MB once warm,", end=" ")
    print(f"{found.end_mb:.1f} MB at the end, {found.growth:+.2%}")


def show_soak(given: argparse.Namespace) -> None:
    """Steady load. Answers are kept for 5 s, so that what is kept has its full size once warm."""
    with programs.upstream() as upstream, programs.gateway(upstream, replay={"keep_s": 5.0}) as gateway:
        asyncio.run(soaked(gateway, given.minutes, given.per_second))


def show_overload(given: argparse.Namespace) -> None:
    """More than a gateway can serve: where its model server is the bound, and where its own processor is."""
    print("\n| bound, calls | asked / peak | asked/s | answered / peak | answered p50 / p99 | refused p50 |", end="")
    print(
        " without RetryInfo / advice | cores: gateway, callers, model server | kept back | errors |\n"
        + "|---" * 10
        + "|"
    )
    cores = sorted(os.sched_getaffinity(0))
    for throttled, (bound, answer_ms, admission), (kind, streaming) in itertools.product(
        [caller == "throttled" for caller in given.callers],
        [_BOUNDS[bound] for bound in given.bounds],
        [("whole", False), ("streams", True)],
    ):
        between_ms = answer_ms / 64 if streaming else 0.0  # a stream of 32 tokens takes as long as a whole answer
        first_ms = answer_ms - 32 * between_ms
        with ExitStack() as running:
            os.sched_setaffinity(0, cores[1:] or cores)  # children begin where this process is
            upstream = running.enter_context(programs.upstream(first_ms=first_ms, between_ms=between_ms))
            os.sched_setaffinity(0, cores[:1])
            gateway = running.enter_context(programs.gateway(upstream, admission=admission))
            os.sched_setaffinity(0, cores[1:] or cores)
            loads_of = overload(
                gateway, upstream, throttled=throttled, streaming=streaming, times=given.times, seconds=given.seconds
            )
            best, loads = uvloop.run(loads_of)
        for each, found in zip(given.times, loads, strict=True):
            print(f"| {bound}, {kind}{', throttled' * throttled} | {each:g} | {overloaded(best, found)} |", flush=True)


def overloaded(best: float, load: Load) -> str:
    """One row of words."""
    errors = ", ".join(f"{count} {name}" for name, count in load.errors.most_common()) or "none"
    refused = f"{statistics.median(load.refused_ms):.0f} ms" if load.refused_ms else "–"
    served = f"**{load.answered_per_s / best:.2f}** | {percentiles(load.answered_ms)}"
    silent = f"{load.without_retry_info} / {load.without_advice}"
    cores = ", ".join(f"{share:.2f}" for share in load.cores.values())
    return f"{load.asked_per_s:.0f} | {served} | {refused} | {silent} | {cores} | {load.kept_back} | {errors}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the gateway adds and takes.")
    parser.add_argument("--state", action="store_true", help="a gateway with shared state beside (needs redis-server)")
    parser.add_argument("--litellm", type=Path, help="the Python of an environment that has litellm[proxy]")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=["speed"], help="what to measure (speed)")
    parser.add_argument("--requests", type=int, default=300, help="requests of the paced runs, for each")
    parser.add_argument("--burst", type=int, default=2000, help="requests of the burst")
    parser.add_argument("--rounds", type=int, default=3, help="how often 100 streams begin at once, for each")
    parser.add_argument("--streams", type=int, default=5000, help="streams open at once (crowd)")
    parser.add_argument("--minutes", type=float, default=5.0, help="of steady load (soak)")
    parser.add_argument("--per-second", type=float, default=100.0, help="requests of steady load (soak)")
    parser.add_argument("--times", type=float, nargs="+", default=[1, 2, 3, 5], help="of the peak (overload)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load (overload)")
    parser.add_argument("--bounds", nargs="+", choices=_BOUNDS, default=list(_BOUNDS), help="of what (overload)")
    parser.add_argument(
        "--callers", nargs="+", choices=("bare", "throttled"), default=["bare", "throttled"], help="(overload)"
    )
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    shows = {"speed": show_speed, "crowd": show_crowd, "soak": show_soak, "overload": show_overload}
    for part in given.parts:
        shows[part](given)


if __name__ == "__main__":
    main()
