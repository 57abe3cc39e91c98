"""How fast the processor may be now: heat and power savers lower the clock that it is allowed.

Linux shows for each core the highest clock that the hardware has and the highest that it is allowed at the moment
(`cpuinfo_max_freq` and `scaling_max_freq`, kernel: cpufreq). A cooling device of the thermal framework lowers the
second. What a processor does on its own, without telling, shows in the time that tokens take, which the running
statistics follow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_agent.energy.power_supply import SYSFS

_LEAST: Final = 0.05
"""No processor is slower than this share; a file that says so is broken."""


class SystemProcessor:
    """A `Processor`: Linux's cores."""

    def __init__(self, sysfs_root: Path = SYSFS) -> None:
        """`sysfs_root` is where sysfs is mounted."""
        self._policies = sorted((sysfs_root / "devices/system/cpu/cpufreq").glob("policy*"))

    def speed(self) -> float:
        """Share of the full clock that is allowed now, the mean of all cores' policies; 1 where nothing is known."""
        shares = [share for policy in self._policies if (share := _share(policy)) is not None]
        return sum(shares) / len(shares) if shares else 1.0


def hot(sysfs_root: Path = SYSFS) -> list[str]:
    """The thermal zones that are at or above a trip point from which the kernel cools: `x86_pkg_temp at 97 °C`."""
    found = []
    for zone in sorted((sysfs_root / "class/thermal").glob("thermal_zone*")):
        now = _number(zone / "temp")
        trips = [
            trip
            for kind in zone.glob("trip_point_*_type")
            if _text(kind) in ("passive", "hot", "critical")
            and (trip := _number(kind.with_name(kind.name.replace("_type", "_temp")))) is not None
            and trip > 0
        ]
        if now is not None and trips and now >= min(trips):
            found.append(f"{_text(zone / 'type')} at {now / 1000:.0f} °C")
    return found


def _share(policy: Path) -> float | None:
    full, allowed = _number(policy / "cpuinfo_max_freq"), _number(policy / "scaling_max_freq")
    if not full or allowed is None:
        return None
    return min(1.0, max(_LEAST, allowed / full))


def _number(file: Path) -> float | None:
    text = _text(file)
    return float(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
