"""Steady load for minutes: does the gateway's memory grow?"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.callers import Caller
from benchmarks.gateway.programs import Program

_EVERY_S: Final = 1.0
_STREAM_SHARE: Final = 4
"""Every so manieth request is a stream."""


@dataclass(frozen=True, slots=True)
class Soak:
    """What came of it."""

    answers: int
    warm_mb: float
    """Resident memory once warm: the median of the tenth of the time that follows the warm-up."""
    end_mb: float
    """The median of the last tenth."""

    @property
    def growth(self) -> float:
        """Of memory, after the warm-up; .01 is one percent."""
        return self.end_mb / self.warm_mb - 1


async def soak(caller: Caller, gateway: Program, *, minutes: float, per_s: float) -> Soak:
    """Ask `per_s` times a second for `minutes`; the first fifth of the time is the warm-up."""
    begin, end_s = time.perf_counter(), minutes * 60
    memory: list[tuple[float, float]] = []
    pending: set[asyncio.Task[object]] = set()
    asked = 0
    while (passed_s := time.perf_counter() - begin) < end_s:
        if not memory or passed_s - memory[-1][0] >= _EVERY_S:
            memory.append((passed_s, gateway.resident_mb))
        while asked <= passed_s * per_s:
            asked += 1
            asking = caller.first_text_ms() if asked % _STREAM_SHARE == 0 else caller.ask()
            task: asyncio.Task[object] = asyncio.create_task(asking)
            pending.add(task)
            task.add_done_callback(pending.discard)
        await asyncio.sleep(1 / per_s)
    await asyncio.gather(*pending)
    return Soak(asked, _median(memory, 0.2, 0.3, end_s), _median(memory, 0.9, 1.0, end_s))


def _median(memory: list[tuple[float, float]], begin: float, end: float, whole_s: float) -> float:
    values = sorted(mb for at_s, mb in memory if begin <= at_s / whole_s <= end)
    return values[len(values) // 2]
