"""Energy counters of the Linux powercap interface (Documentation/power/powercap/powercap.rst of the kernel).

`/sys/class/powercap` has a folder for each RAPL domain: `intel-rapl:0` is the first processor package and
`intel-rapl:0:1` a part of it. Counted are the packages and their `dram` domains, which lie outside of the package. Not
counted are `core` and `uncore`, which are parts of it, `psys`, which contains it, and `intel-rapl-mmio:*`, which shows
the same packages a second time.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Self

_ZONES = "class/powercap"


class Domain:
    """One counter, read as joules since this object was made."""

    def __init__(self, name: str, energy_file: Path, range_uj: int) -> None:
        """`range_uj` is where the counter starts again from zero, in microjoules.

        Raises:
            OSError: the counter cannot be read.
        """
        self.name = name
        self._file = energy_file
        self._range_uj = range_uj
        self._shown_uj = _number(energy_file)
        self._risen_uj = 0

    @classmethod
    def at(cls, zone: Path) -> Self:
        """The domain in the folder `zone`.

        Raises:
            OSError: one of its files cannot be read, mostly for want of permission.
        """
        name = _text(zone / "name")
        return cls(name, zone / "energy_uj", _number(zone / "max_energy_range_uj"))

    def joules(self) -> float:
        """Joules since this object was made, counted on over the counter's wrap-around.

        A counter that wraps around twice between two readings loses a whole range: at 100 W that takes 45 minutes.

        Raises:
            OSError: the counter cannot be read any more.
        """
        shown_uj = _number(self._file)
        self._risen_uj += (shown_uj - self._shown_uj) % self._range_uj
        self._shown_uj = shown_uj
        return self._risen_uj / 1e6


def zones(sysfs_root: Path) -> list[Path]:
    """The folders of the domains that are counted, in order; empty where the kernel shows none."""
    found = sorted((sysfs_root / _ZONES).glob("intel-rapl:*"))
    return [zone for zone in found if _is_counted(zone)]


def domains(sysfs_root: Path) -> list[Domain]:
    """The domains that are counted.

    Raises:
        OSError: one of them cannot be read, mostly for want of permission.
    """
    return [Domain.at(zone) for zone in zones(sysfs_root)]


def _is_counted(zone: Path) -> bool:
    try:
        name = _text(zone / "name")
    except OSError:
        return False
    return name.startswith("package") or name == "dram"


def _number(file: Path) -> int:
    text = _text(file)
    if not text.isdecimal():
        raise OSError(errno.EIO, "not a number", str(file))
    return int(text)


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()
