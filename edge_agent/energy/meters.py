"""Which meter this device has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.energy import rapl
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.profile import Profile
from edge_agent.energy.rapl import SYSFS, RaplMeter
from orchestrator.errors import ConfigError
from orchestrator.ports import EnergyMeter
from orchestrator.units import EnergySource


@dataclass(frozen=True, slots=True)
class MeterStatus:
    """A meter, and whether it can be used here."""

    source: EnergySource
    available: bool
    detail: str
    """What it counts, or why it cannot be used and what would help."""


def best_meter(profile: Profile, *, sysfs_root: Path = SYSFS) -> EnergyMeter:
    """RAPL where its counters can be read, and the model elsewhere."""
    if not rapl.unavailable(sysfs_root):
        return RaplMeter(profile, sysfs_root=sysfs_root)
    return ModelledMeter(profile)


def meter_for(
    choice: Literal["auto", "rapl", "modelled"], profile: Profile, *, sysfs_root: Path = SYSFS
) -> EnergyMeter:
    """The meter of the configuration.

    Raises:
        ConfigError: RAPL was asked for and cannot be used; says why.
    """
    if choice == "modelled":
        return ModelledMeter(profile)
    if choice == "rapl" and (why := rapl.unavailable(sysfs_root)):
        raise ConfigError(f"energy.meter is rapl, but {why}", remedy="set it to auto or modelled")
    return best_meter(profile, sysfs_root=sysfs_root)


def describe(profile: Profile, *, sysfs_root: Path = SYSFS) -> list[MeterStatus]:
    """Every meter, best first, for `edgewise doctor`."""
    why_not = rapl.unavailable(sysfs_root)
    counted = "" if why_not else _counted(RaplMeter(profile, sysfs_root=sysfs_root))
    model = (
        f"{profile.name}: {profile.core_watts:g} W a busy core, {profile.dram_joules_per_gb:g} J a GB moved, "
        f"± {profile.uncertainty_share:.0%}"
    )
    return [
        MeterStatus(EnergySource.RAPL, not why_not, why_not or counted),
        MeterStatus(EnergySource.MODELLED, True, model),
    ]


def _counted(meter: RaplMeter) -> str:
    names = ", ".join(meter.domains)
    return f"counts {names}" if "dram" in meter.domains else f"counts {names}, but not the memory"
