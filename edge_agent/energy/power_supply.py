"""The batteries of this device, from Linux's `/sys/class/power_supply` (kernel: sysfs-class-power, in micro-units)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.budget import PowerState

SYSFS: Final = Path("/sys")
_MICRO: Final = 1e-6
_SECONDS_PER_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Cell:
    """One battery, as its folder shows it. What the driver does not tell, or no longer tells, is None."""

    folder: Path

    @property
    def charge(self) -> float | None:
        """0 to 1, of what it holds when full."""
        percent = self._number("capacity")
        return None if percent is None else min(1.0, percent / 100)

    @property
    def drained(self) -> bool:
        """Whether the device lives on it now."""
        return _text(self.folder / "status") == "Discharging"

    @property
    def watts(self) -> float | None:
        """What is drawn from it now."""
        if (power := self._number("power_now")) is not None:
            return power * _MICRO
        current, voltage = self._number("current_now"), self._number("voltage_now")
        return None if current is None or voltage is None else current * _MICRO * voltage * _MICRO

    @property
    def joules(self) -> float | None:
        """What is left in it."""
        if (energy := self._number("energy_now")) is not None:
            return energy * _MICRO * _SECONDS_PER_HOUR
        charge, voltage = self._number("charge_now"), self._number("voltage_now")
        return None if charge is None or voltage is None else charge * _MICRO * voltage * _MICRO * _SECONDS_PER_HOUR

    def _number(self, file: str) -> float | None:
        """Some drivers give the current of a battery that is drained a minus sign."""
        text = _text(self.folder / file).removeprefix("-")
        return float(text) if text.isdecimal() else None


class SystemBattery:
    """A `Battery`: the charge of this device's own batteries together, and whether they feed it."""

    def __init__(self, sysfs_root: Path = SYSFS) -> None:
        """`sysfs_root` is where sysfs is mounted."""
        self._sysfs_root = sysfs_root

    def power(self) -> PowerState | None:
        """As it is now; of several batteries, the mean of their charges. None where none tells how full it is."""
        found = batteries(self._sysfs_root)
        levels = [level for cell in found if (level := cell.charge) is not None]
        if not levels:
            return None
        return PowerState(charge=sum(levels) / len(levels), plugged_in=not any(cell.drained for cell in found))


def batteries(sysfs_root: Path = SYSFS) -> list[Cell]:
    """The device's own, in order of name. Those of mice and headsets (scope `Device`) do not count."""
    supplies = sorted((sysfs_root / "class/power_supply").glob("*"))
    return [Cell(s) for s in supplies if _text(s / "type") == "Battery" and _text(s / "scope") != "Device"]


def _text(file: Path) -> str:
    """A battery can go, or fall silent, between two reads: then nothing is known."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
