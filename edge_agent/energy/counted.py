"""What a counter of the whole machine says of this process.

    joules = (counted joules - idle watts · seconds) · CPU seconds of this process / busy CPU seconds of the machine

The counter is a measurement. How much of it is this process's is a computation, and the uncertainty says so: it adds
nothing where no other process runs, and as much as the whole figure where others do nearly all the work.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from edge_agent.energy.shares import Counts, Part, Share, SharedCounters
from orchestrator.ports import EnergyMeter, EnergySpan
from orchestrator.units import Energy, EnergySource

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter shows now, since it was opened. Both only rise."""

    joules: float
    blind_s: float = 0.0
    """Seconds in which it could not see what the machine took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far a counter is to be trusted."""

    share: float
    """One standard uncertainty of what it counts, as a share."""
    step_joules: float = 0.0
    """The smallest step that it shows."""
    least_s: float = 0.0
    """It says nothing of what took less time; of what took longer, its ends are this uncertain."""


class JouleCounter(Protocol):
    """Joules of the whole machine, or of the part of it that computes."""

    source: EnergySource
    trust: Trust
    idle_watts: float
    """What it counts when nothing runs."""

    def read(self) -> Reading:
        """What it shows now.

        Raises:
            OSError: it cannot be read any more.
        """
        ...


class CountedMeter:
    """An `EnergyMeter` that gives this process its part of a counter.

    Where the counter cannot be read any more, was blind for a while or is too slow for a short span, the answer does
    not end: the figures of its spans are the fallback's.
    """

    def __init__(
        self,
        counter: JouleCounter,
        fallback: EnergyMeter,
        *,
        idle_uncertainty_share: float,
        proc_root: Path = PROC,
        cpu_seconds: Callable[[], float] = time.process_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to count.

        Args:
            counter: of the machine.
            fallback: tells what the counter cannot tell.
            idle_uncertainty_share: one standard uncertainty of the counter's idle power, as a share.
            proc_root: where procfs is mounted.
            cpu_seconds: what all threads of this process have used so far.
            monotonic: a clock in seconds that never jumps.

        Raises:
            OSError: the counter, or the machine's CPU time, cannot be read.
        """
        self._counter = counter
        self._fallback = fallback
        self._idle_uncertainty_share = idle_uncertainty_share
        self._stat = proc_root / "stat"
        self._cpu_seconds = cpu_seconds
        self._monotonic = monotonic
        self._counters = SharedCounters(self._read)
        self._read()

    def start(self) -> EnergySpan:
        """Begin a span."""
        beside = self._fallback.start()
        try:
            share = self._counters.open()
        except OSError:
            return beside
        return CountedSpan(self._counter, share, beside, idle_uncertainty_share=self._idle_uncertainty_share)

    def _read(self) -> Counts:
        shown = self._counter.read()
        return shown.joules, self._cpu_seconds(), _busy_seconds(self._stat), self._monotonic(), shown.blind_s


class CountedSpan:
    """An `EnergySpan` of a counter, with one of the fallback beside it."""

    def __init__(
        self, counter: JouleCounter, share: Share, beside: EnergySpan, *, idle_uncertainty_share: float
    ) -> None:
        self._counter = counter
        self._share = share
        self._beside = beside
        self._idle_uncertainty_share = idle_uncertainty_share

    def moved(self, n_bytes: int) -> None:
        """Told to the fallback only: a counter sees memory itself, as far as it can."""
        self._beside.moved(n_bytes)

    def read(self) -> Energy:
        """Energy since the span began."""
        try:
            return self._energy(self._share.read()) or self._beside.read()
        except OSError:
            return self._beside.read()

    def stop(self) -> Energy:
        """The final figure."""
        beside = self._beside.stop()
        try:
            return self._energy(self._share.stop()) or beside
        except OSError:
            return beside

    def _energy(self, part: Part) -> Energy | None:
        """None where the counter knows nothing of this span."""
        counted_joules, process_s, busy_s, elapsed_s, blind_s = part.counts
        source, trust = self._counter.source, self._counter.trust
        if blind_s > 0 or elapsed_s < trust.least_s:
            return None
        busy_s = max(busy_s, process_s)  # the machine's figure comes in ticks, ours in nanoseconds
        if busy_s == 0.0:
            return Energy(0.0, 0.0, source)
        share = process_s / busy_s
        idle_joules = self._counter.idle_watts * elapsed_s
        joules = max(0.0, counted_joules - idle_joules) * share
        uncertainty = math.hypot(
            joules * trust.share,
            trust.step_joules * share,
            joules * (trust.least_s / elapsed_s if elapsed_s else 0.0),
            idle_joules * share * self._idle_uncertainty_share,
            joules * (1 - share),  # a second of another process may have cost more, or less, than one of ours
            joules * min(1.0, _tick_s() / busy_s),
            joules * (part.contested[1] / process_s if process_s else 0.0),
        )
        return Energy(joules, uncertainty, source)


def _busy_seconds(stat: Path) -> float:
    """CPU seconds that all cores have worked since the machine started (proc(5): user, nice, system, irq, softirq)."""
    with stat.open(encoding="ascii") as file:
        fields = file.readline().split()
    user, nice, system, _idle, _iowait, irq, softirq = (int(field) for field in fields[1:8])
    return (user + nice + system + irq + softirq) * _tick_s()


def _tick_s() -> float:
    return 1 / os.sysconf("SC_CLK_TCK")
