"""A made-up machine: sysfs and procfs trees whose counters a test turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.energy import Profile, RaplMeter


class Machine:
    """Files as Linux shows them, and the clocks of one process on it."""

    profile = Profile(
        name="test", core_watts=4.0, dram_joules_per_gb=0.125, idle_package_watts=2.0, uncertainty_share=0.25
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
        ticks = int(seconds * 100)
        user, nice, system, irq = ticks // 2, ticks // 8, ticks // 4, ticks // 16
        softirq = ticks - user - nice - system - irq
        fields = (user, nice, system, 987_654, 4321, irq, softirq, 77, 0, 0)
        (self.proc / "stat").write_text(f"cpu  {' '.join(map(str, fields))}\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n")

    def meter(self) -> RaplMeter:
        """A meter of this machine."""
        return RaplMeter(
            self.profile,
            sysfs_root=self.sysfs,
            proc_root=self.proc,
            cpu_seconds=lambda: self.cpu_s,
            monotonic=lambda: self.now_s,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
