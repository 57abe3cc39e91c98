"""A made-up machine: sysfs and procfs trees whose counters a test turns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.energy import Choice, Hardware, Profile, meter_for
from edge_agent.energy.nvml import Nvml
from orchestrator.ports import EnergyMeter


class Machine:
    """Files as Linux shows them, and the clocks of one process on it."""

    profile = Profile(
        name="test",
        core_watts=4.0,
        dram_joules_per_gb=0.125,
        idle_package_watts=2.0,
        idle_machine_watts=6.0,
        uncertainty_share=0.25,
    )

    def __init__(self, root: Path) -> None:
        self.sysfs = root / "sys"
        self.proc = root / "proc"
        self.cpu_s = 5.0
        self.now_s = 1000.0
        self.proc.mkdir(parents=True)
        self.busy(200.0)

    def zone(self, folder: str, name: str, energy_uj: int = 0, range_uj: int = 262_143_328_850) -> Path:
        """A powercap zone."""
        zone = self.sysfs / "class/powercap" / folder
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text(f"{energy_uj}\n")
        (zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
        return zone

    def busy(self, seconds: float) -> None:
        """What all cores have worked since the start: half of it as user, the rest in small parts; much idle time."""
        self._busy_s = seconds
        ticks = int(seconds * 100)
        user, nice, system, irq = ticks // 2, ticks // 8, ticks // 4, ticks // 16
        softirq = ticks - user - nice - system - irq
        fields = (user, nice, system, 987_654, 4321, irq, softirq, 77, 0, 0)
        (self.proc / "stat").write_text(f"cpu  {' '.join(map(str, fields))}\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n")

    def supply(self, name: str, **files: object) -> Path:
        """A power supply."""
        folder = self.sysfs / "class/power_supply" / name
        folder.mkdir(parents=True)
        self.set(folder, **files)
        return folder

    @staticmethod
    def set(folder: Path, **files: object) -> None:
        """Write files of a folder of sysfs."""
        for file, value in files.items():
            (folder / file).write_text(f"{value}\n")

    @property
    def hardware(self) -> Hardware:
        """As the meters are told of it; without a GPU."""
        return Hardware(
            sysfs_root=self.sysfs,
            proc_root=self.proc,
            cpu_seconds=lambda: self.cpu_s,
            monotonic=lambda: self.now_s,
        )

    def meter(self, choice: Choice = "rapl", nvml: Nvml | None = None, *, on_gpu: bool = False) -> EnergyMeter:
        """A meter of this machine."""
        return meter_for(choice, self.profile, replace(self.hardware, nvml=nvml), on_gpu=on_gpu)

    def works(self, seconds: float, *, cpu_s: float | None = None) -> None:
        """Time passes in which one core computes for this process, or `cpu_s` of it, and nobody else does anything."""
        self.now_s += seconds
        worked = seconds if cpu_s is None else cpu_s
        self.cpu_s += worked
        self._busy_s += worked
        self.busy(self._busy_s)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
