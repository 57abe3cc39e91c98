"""The meter that every device has: a model of what computing costs, not a measurement.

joules = CPU seconds of this process · watts of a busy core above idle + bytes moved · joules a byte of DRAM

CPU seconds are those of all threads, so the runtime's own count; they cannot be told apart by question, and spans that
overlap split them evenly (see `shares`). Bytes moved are told by the model that moved them, to its own span. Idle power
is no part of it: it would flow without any question.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from edge_agent.energy.profile import Profile
from edge_agent.energy.shares import Part, Share, SharedCounters
from orchestrator.units import Energy, EnergySource

_BYTES_PER_GB = 1e9


class ModelledMeter:
    """An `EnergyMeter` that computes joules from a device profile."""

    def __init__(self, profile: Profile, *, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        """`cpu_seconds` returns what all threads of this process have used so far."""
        self._profile = profile
        self._counters = SharedCounters(lambda: (cpu_seconds(),))

    def start(self) -> ModelledSpan:
        """Begin a span."""
        return ModelledSpan(self._profile, self._counters.open())


class ModelledSpan:
    """An `EnergySpan` of the model."""

    def __init__(self, profile: Profile, share: Share) -> None:
        self._profile = profile
        self._share = share
        self._bytes_moved = 0

    def moved(self, n_bytes: int) -> None:
        """Add what memory delivered."""
        self._bytes_moved += n_bytes

    def read(self) -> Energy:
        """Energy since the span began."""
        return self._energy(self._share.read())

    def stop(self) -> Energy:
        """The final figure."""
        return self._energy(self._share.stop())

    def _energy(self, part: Part) -> Energy:
        """The figures' own uncertainty, and for CPU time that was split the whole of it: it may be another's."""
        (cpu_s,), (contested_s,) = part.counts, part.contested
        profile = self._profile
        joules = cpu_s * profile.core_watts + self._bytes_moved / _BYTES_PER_GB * profile.dram_joules_per_gb
        uncertainty = math.hypot(joules * profile.uncertainty_share, contested_s * profile.core_watts)
        return Energy(joules, uncertainty, EnergySource.MODELLED)
