"""Load on programs, from this process: paced, as much as goes, and many streams at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.gateway.callers import Caller
from benchmarks.gateway.programs import Program

AT_ONCE: Final = 32
PER_SECOND: Final = 50
STREAMS: Final = 100


async def paced(callers: Sequence[Caller], *, requests: int) -> list[list[float]]:
    """Milliseconds of `requests` whole answers of each caller, begun `PER_SECOND` a second, whatever earlier ones do.

    By turns, so that whatever else the machine does meets all of them alike.
    """
    begin = time.perf_counter()
    turns = [(number / PER_SECOND / len(callers), caller) for number, caller in enumerate([*callers] * requests)]

    async def one(at_s: float, caller: Caller) -> float:
        await asyncio.sleep(max(0.0, begin + at_s - time.perf_counter()))
        started_at = time.perf_counter()
        await caller.ask()
        return (time.perf_counter() - started_at) * 1000

    took = await asyncio.gather(*(one(at_s, caller) for at_s, caller in turns))
    return [took[place :: len(callers)] for place in range(len(callers))]


async def burst(caller: Caller, *, requests: int) -> float:
    """Seconds for `requests` whole answers, `AT_ONCE` at a time."""
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            await caller.ask()

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return time.perf_counter() - begin


async def answers_per_cpu_s(caller: Caller, program: Program, *, requests: int) -> tuple[float, float]:
    """Whole answers a second of the program's own processor time, and a second of the clock."""
    before_s = program.cpu_s
    took_s = await burst(caller, requests=requests)
    return requests / (program.cpu_s - before_s), requests / took_s


async def first_texts_ms(callers: Sequence[Caller], *, rounds: int) -> list[list[float]]:
    """Milliseconds to the first text of `STREAMS` streams that begin at once, `rounds` times for each, by turns."""
    taken: list[list[float]] = [[] for _ in callers]
    for _ in range(rounds):
        for caller, figures in zip(callers, taken, strict=True):
            figures += await asyncio.gather(*(caller.first_text_ms() for _ in range(STREAMS)))
    return taken
