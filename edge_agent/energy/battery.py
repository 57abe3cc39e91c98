"""The counter of portable devices: what the whole machine draws from its batteries.

Only a battery that is drained tells what the machine takes: while it is charged, or the mains feed the machine, the
counter is blind. Power where the driver tells it (`power_now`, or current · voltage) is integrated over time by the
trapezoid rule; where it does not, what is left in the battery (`energy_now`, or charge · voltage) is looked at instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_agent.energy.counted import Reading, Trust
from edge_agent.energy.power_supply import SYSFS, Cell, batteries
from edge_agent.energy.profile import Profile
from orchestrator.units import EnergySource

_GAUGE_STEP_JOULES: Final = 36.0
"""10 mWh, the unit of the Smart Battery Data Specification (revision 1.1, 1998), which drivers pass on."""
_POWER_TRUST: Final = Trust(share=0.05, least_s=10.0)
_LEVEL_TRUST: Final = Trust(share=0.05, step_joules=_GAUGE_STEP_JOULES, least_s=10.0)
"""Estimates of ours: gauges are good to a few percent, and what they show is an average some seconds old."""


class BatteryCounter:
    """A `JouleCounter` of the whole machine, display and all, while it lives on its batteries."""

    source = EnergySource.BATTERY

    def __init__(
        self, profile: Profile, *, sysfs_root: Path = SYSFS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to count.

        Raises:
            OSError: there is no battery, or it tells nothing; `unavailable` says so beforehand.
        """
        if why := unavailable(sysfs_root):
            raise OSError(why)
        self.idle_watts = profile.idle_machine_watts
        self._cells = batteries(sysfs_root)
        self._by_power = _tell_watts(self._cells)
        self.trust = _POWER_TRUST if self._by_power else _LEVEL_TRUST
        self._monotonic = monotonic
        self._joules = self._blind_s = 0.0
        self._seen_s = monotonic()
        self._seen = self._gauge()

    def read(self) -> Reading:
        """Joules drawn since this object was made, and the seconds in which nobody could know."""
        now_s, now = self._monotonic(), self._gauge()
        elapsed_s = now_s - self._seen_s
        if now is None or self._seen is None:
            self._blind_s += elapsed_s
        elif self._by_power:
            self._joules += (now + self._seen) / 2 * elapsed_s
        else:
            self._joules += max(0.0, self._seen - now)  # a gauge that corrects itself upwards has not been charged
        self._seen_s, self._seen = now_s, now
        return Reading(self._joules, self._blind_s)

    def _gauge(self) -> float | None:
        """Watts now, or joules left; None while no battery is drained, and where one that is falls silent."""
        drained = [cell for cell in self._cells if cell.drained]
        values = [
            cell.watts if self._by_power else cell.joules for cell in (drained if self._by_power else self._cells)
        ]
        known = [value for value in values if value is not None]
        return sum(known) if drained and len(known) == len(values) else None


def unavailable(sysfs_root: Path = SYSFS) -> str:
    """Why no battery can be measured; empty where one can, at least while it is drained."""
    found = batteries(sysfs_root)
    if not found:
        return "this device has no battery"
    if _tell_watts(found) or all(cell.joules is not None for cell in found):
        return ""
    return "the battery's driver tells neither power nor what is left"


def _tell_watts(found: list[Cell]) -> bool:
    return all(cell.watts is not None for cell in found)
