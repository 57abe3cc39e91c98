"""The meter of x86 processors: RAPL counts the joules of whole packages, and this process gets its part of them.

    joules = (package joules - idle watts · seconds) · CPU seconds of this process / busy CPU seconds of the machine

The counters are the processor's own (on some parts a measurement, on others an estimate made on the chip). How much of
them is this process's is a computation, and the uncertainty says so: it adds nothing where no other process runs, and
as much as the whole figure where others do nearly all the work.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_agent.energy import powercap
from edge_agent.energy.modelled import ModelledMeter, ModelledSpan
from edge_agent.energy.profile import Profile
from edge_agent.energy.shares import Counts, Part, Share, SharedCounters
from orchestrator.ports import EnergySpan
from orchestrator.units import Energy, EnergySource

SYSFS: Final = Path("/sys")
PROC: Final = Path("/proc")

_NO_COUNTERS: Final = "this kernel shows no powercap counters (a virtual machine, a container, or no x86 processor)"
_COUNTER_UNCERTAINTY: Final = 0.05
"""Share of a reading. Khan et al., "RAPL in Action" (ACM TOMPECS 3(2), 2018) find readings that follow plug power
closely; Desrochers et al., "A Validation of DRAM RAPL Power Measurements" (MEMSYS 2016), an offset on desktop parts."""


class RaplMeter:
    """An `EnergyMeter` that reads the powercap counters.

    A counter that cannot be read any more does not end an answer: the figures of its spans become modelled ones.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        sysfs_root: Path = SYSFS,
        proc_root: Path = PROC,
        cpu_seconds: Callable[[], float] = time.process_time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the counters.

        Args:
            profile: for the idle power, and for the model beside the measurement.
            sysfs_root: where sysfs is mounted.
            proc_root: where procfs is mounted.
            cpu_seconds: what all threads of this process have used so far.
            monotonic: a clock in seconds that never jumps.

        Raises:
            OSError: there is no counter, or it cannot be read; `unavailable` says why beforehand.
        """
        self._profile = profile
        self._domains = powercap.domains(sysfs_root)
        if not self._domains:
            raise OSError(_NO_COUNTERS)
        self._stat = proc_root / "stat"
        self._cpu_seconds = cpu_seconds
        self._monotonic = monotonic
        self._counters = SharedCounters(self._read)
        self._model = ModelledMeter(profile, cpu_seconds=cpu_seconds)
        self._read()

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of what is counted: `package-0`, `dram`."""
        return tuple(domain.name for domain in self._domains)

    def start(self) -> EnergySpan:
        """Begin a span."""
        modelled = self._model.start()
        try:
            return RaplSpan(self._profile, self._counters.open(), modelled)
        except OSError:
            return modelled

    def _read(self) -> Counts:
        package_joules = sum(domain.joules() for domain in self._domains)
        return package_joules, self._cpu_seconds(), _busy_seconds(self._stat), self._monotonic()


class RaplSpan:
    """An `EnergySpan` of the counters, with a modelled one beside it."""

    def __init__(self, profile: Profile, share: Share, modelled: ModelledSpan) -> None:
        self._profile = profile
        self._share = share
        self._modelled = modelled

    def moved(self, n_bytes: int) -> None:
        """Told to the model only: the counters see memory themselves, where they have a `dram` domain."""
        self._modelled.moved(n_bytes)

    def read(self) -> Energy:
        """Energy since the span began."""
        try:
            return self._energy(self._share.read())
        except OSError:
            return self._modelled.read()

    def stop(self) -> Energy:
        """The final figure."""
        modelled = self._modelled.stop()
        try:
            return self._energy(self._share.stop())
        except OSError:
            return modelled

    def _energy(self, part: Part) -> Energy:
        package_joules, process_s, busy_s, elapsed_s = part.counts
        busy_s = max(busy_s, process_s)  # the machine's figure comes in ticks, ours in nanoseconds
        if busy_s == 0.0:
            return Energy(0.0, 0.0, EnergySource.RAPL)
        share = process_s / busy_s
        idle_joules = self._profile.idle_package_watts * elapsed_s
        joules = max(0.0, package_joules - idle_joules) * share
        uncertainty = math.hypot(
            joules * _COUNTER_UNCERTAINTY,
            idle_joules * share * self._profile.uncertainty_share,
            joules * (1 - share),  # a second of another process may have cost more, or less, than one of ours
            joules * min(1.0, _tick_s() / busy_s),
            joules * (part.contested[1] / process_s if process_s else 0.0),
        )
        return Energy(joules, uncertainty, EnergySource.RAPL)


def unavailable(sysfs_root: Path = SYSFS) -> str:
    """Why the counters cannot be used on this machine, with the remedy where there is one; empty where they can."""
    zones = powercap.zones(sysfs_root)
    if not zones:
        return _NO_COUNTERS
    try:
        powercap.domains(sysfs_root)
    except PermissionError as error:
        return f"only root may read {error.filename}; `sudo chmod a+r {error.filename}` opens it until the next start"
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"
    return ""


def _busy_seconds(stat: Path) -> float:
    """CPU seconds that all cores have worked since the machine started (proc(5): user, nice, system, irq, softirq)."""
    with stat.open(encoding="ascii") as file:
        fields = file.readline().split()
    user, nice, system, _idle, _iowait, irq, softirq = (int(field) for field in fields[1:8])
    return (user + nice + system + irq + softirq) * _tick_s()


def _tick_s() -> float:
    return 1 / os.sysconf("SC_CLK_TCK")
