"""The state of this device's battery, from Linux's `/sys/class/power_supply` (kernel: sysfs-class-power)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BatteryState:
    """How much charge is left, and whether more is coming."""

    percent: float
    """0 to 100; of several batteries, their mean."""
    charging: bool
    """False where a battery is being drained."""


def battery_state(sysfs_root: Path = Path("/sys")) -> BatteryState | None:
    """The device's own batteries; None where it has none, or tells nothing about them.

    Batteries of mice and headsets (scope `Device`) do not count.
    """
    supplies = sorted((sysfs_root / "class/power_supply").glob("*"))
    batteries = [s for s in supplies if _text(s / "type") == "Battery" and _text(s / "scope") != "Device"]
    levels = [float(level) for battery in batteries if (level := _text(battery / "capacity")).isdecimal()]
    if not levels:
        return None
    drained = any(_text(battery / "status") == "Discharging" for battery in batteries)
    return BatteryState(min(100.0, sum(levels) / len(levels)), charging=not drained)


def _text(file: Path) -> str:
    """A battery can go, or fall silent, between two reads: then nothing is known."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
