"""Which meter this device has."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_agent.energy import battery, nvml, rapl
from edge_agent.energy.battery import BatteryCounter
from edge_agent.energy.combined import CombinedMeter
from edge_agent.energy.counted import PROC, CountedMeter, JouleCounter
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.nvml import Nvml, NvmlMeter
from edge_agent.energy.power_supply import SYSFS, batteries
from edge_agent.energy.profile import Profile
from edge_agent.energy.rapl import RaplCounter
from orchestrator.errors import ConfigError
from orchestrator.ports import EnergyMeter
from orchestrator.units import EnergySource

Choice = Literal["auto", "rapl", "battery", "nvml", "modelled"]
_REMEDY: Final = "set it to auto or modelled"


@dataclass(frozen=True, slots=True)
class MeterStatus:
    """A meter, and whether it can be used here."""

    source: EnergySource
    available: bool
    detail: str
    """What it counts, or why it cannot be used and what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Where the counters of a machine are, and the clocks beside them."""

    sysfs_root: Path = SYSFS
    proc_root: Path = PROC
    nvml: Nvml | None = None
    """`nvidia-ml-py`, where it is installed."""
    cpu_seconds: Callable[[], float] = time.process_time
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def here(cls) -> Hardware:
        """This machine."""
        return cls(nvml=nvml.library())


def counter_for(choice: Choice, profile: Profile, hardware: Hardware) -> RaplCounter | BatteryCounter | None:
    """The counter of the processor, or of the whole machine; None where the model has to do.

    `auto` takes RAPL where it can be read, else the battery where there is one.

    Raises:
        ConfigError: a counter was asked for and cannot be used; says why.
    """
    rapl_fails, battery_fails = rapl.unavailable(hardware.sysfs_root), battery.unavailable(hardware.sysfs_root)
    asked_fails = {"rapl": rapl_fails, "battery": battery_fails}.get(choice)
    if asked_fails:
        raise ConfigError(f"energy.meter is {choice}, but {asked_fails}", remedy=_REMEDY)
    if choice not in ("modelled", "battery") and not rapl_fails:
        return RaplCounter(profile, sysfs_root=hardware.sysfs_root)
    if choice == "battery" or (choice == "auto" and not battery_fails):
        return BatteryCounter(profile, sysfs_root=hardware.sysfs_root, monotonic=hardware.monotonic)
    return None


def meter_for(choice: Choice, profile: Profile, hardware: Hardware, *, on_gpu: bool = False) -> EnergyMeter:
    """The meter of the configuration: the counter that `counter_for` finds, or the model.

    A GPU's joules are added to RAPL's and the model's; what is drawn from a battery has them in it.

    Args:
        choice: `energy.meter`.
        profile: of this device.
        hardware: of this device.
        on_gpu: whether the model runs on an NVIDIA GPU.

    Raises:
        ConfigError: a meter was asked for and cannot be used; says why.
    """
    if choice == "nvml" and (why := nvml.unavailable(hardware.nvml)):
        raise ConfigError(f"energy.meter is nvml, but {why}", remedy=_REMEDY)
    counter = counter_for(choice, profile, hardware)
    gpus = _gpus(hardware) if choice == "nvml" or (on_gpu and choice != "modelled") else None
    model: EnergyMeter = ModelledMeter(profile, cpu_seconds=hardware.cpu_seconds)
    if isinstance(counter, BatteryCounter):
        return _counted(counter, CombinedMeter(model, gpus) if gpus else model, profile, hardware)
    processor = _counted(counter, model, profile, hardware) if counter else model
    return CombinedMeter(processor, gpus) if gpus else processor


def describe(profile: Profile, hardware: Hardware) -> list[MeterStatus]:
    """Every meter, best first, for `edgewise doctor`."""
    why_not_rapl, why_not_battery = rapl.unavailable(hardware.sysfs_root), battery.unavailable(hardware.sysfs_root)
    why_not_nvml = nvml.unavailable(hardware.nvml)
    model = (
        f"{profile.name}: {profile.core_watts:.3g} W a busy core, {profile.dram_joules_per_gb:.3g} J a GB moved, "
        f"± {profile.uncertainty_share:.0%}"
    )
    return [
        MeterStatus(EnergySource.RAPL, not why_not_rapl, why_not_rapl or _packages(profile, hardware)),
        MeterStatus(EnergySource.BATTERY, not why_not_battery, why_not_battery or _drain(hardware)),
        MeterStatus(EnergySource.NVML, not why_not_nvml, why_not_nvml or _boards(hardware)),
        MeterStatus(EnergySource.MODELLED, True, model),
    ]


def _counted(counter: JouleCounter, fallback: EnergyMeter, profile: Profile, hardware: Hardware) -> CountedMeter:
    return CountedMeter(
        counter,
        fallback,
        idle_uncertainty_share=profile.uncertainty_share,
        proc_root=hardware.proc_root,
        cpu_seconds=hardware.cpu_seconds,
        monotonic=hardware.monotonic,
    )


def _gpus(hardware: Hardware) -> NvmlMeter | None:
    """None where no GPU can be read: `edgewise doctor` says why."""
    if hardware.nvml is None or nvml.unavailable(hardware.nvml):
        return None
    return NvmlMeter(hardware.nvml, monotonic=hardware.monotonic)


def _packages(profile: Profile, hardware: Hardware) -> str:
    domains = RaplCounter(profile, sysfs_root=hardware.sysfs_root).domains
    names = ", ".join(domains)
    return f"counts {names}" if "dram" in domains else f"counts {names}, but not the memory"


def _drain(hardware: Hardware) -> str:
    if any(cell.drained for cell in batteries(hardware.sysfs_root)):
        return "counts the whole machine, for answers of 10 s and more"
    return "counts the whole machine once it is unplugged; until then the model tells"


def _boards(hardware: Hardware) -> str:
    assert hardware.nvml is not None, "a meter without a library is not available"
    gpus = NvmlMeter(hardware.nvml).gpus
    return "; ".join(f"{gpu.name}, {'counts energy' if gpu.counts else 'tells power'}" for gpu in gpus)
