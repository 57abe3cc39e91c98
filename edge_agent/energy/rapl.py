"""The counter of x86 processors: RAPL counts the joules of whole packages and of their memory.

The counters are the processor's own, on some parts a measurement, on others an estimate made on the chip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_agent.energy import powercap
from edge_agent.energy.counted import Reading, Trust
from edge_agent.energy.profile import Profile
from orchestrator.units import EnergySource

SYSFS: Final = Path("/sys")

_NO_COUNTERS: Final = "this kernel shows no powercap counters (a virtual machine, a container, or no x86 processor)"


class RaplCounter:
    """A `JouleCounter` of all packages and memory domains together."""

    source = EnergySource.RAPL
    trust = Trust(share=0.05)
    """Khan et al., "RAPL in Action" (ACM TOMPECS 3(2), 2018) find readings that follow plug power closely; Desrochers
    et al., "A Validation of DRAM RAPL Power Measurements" (MEMSYS 2016), an offset on desktop parts."""

    def __init__(self, profile: Profile, *, sysfs_root: Path = SYSFS) -> None:
        """Open the counters.

        Raises:
            OSError: there is none, or one cannot be read; `unavailable` says why beforehand.
        """
        self.idle_watts = profile.idle_package_watts
        self._domains = powercap.domains(sysfs_root)
        if not self._domains:
            raise OSError(_NO_COUNTERS)

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of what is counted: `package-0`, `dram`."""
        return tuple(domain.name for domain in self._domains)

    def read(self) -> Reading:
        """Joules since this object was made.

        Raises:
            OSError: a domain cannot be read any more.
        """
        return Reading(sum(domain.joules() for domain in self._domains))


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
