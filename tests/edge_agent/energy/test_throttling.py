"""How fast the processor may be, on a made-up sysfs tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.energy.throttling import SystemProcessor, hot


def policy(root: Path, number: int, **files: object) -> Path:
    folder = root / f"devices/system/cpu/cpufreq/policy{number}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, value in files.items():
        (folder / file).write_text(f"{value}\n")
    return folder


def zone(root: Path, number: int, kind: str, temperature: int, **trips: int) -> None:
    folder = root / f"class/thermal/thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    (folder / "temp").write_text(f"{temperature}\n")
    for n, (name, value) in enumerate(trips.items()):
        (folder / f"trip_point_{n}_type").write_text(f"{name}\n")
        (folder / f"trip_point_{n}_temp").write_text(f"{value}\n")


def test_a_machine_that_tells_nothing_runs_at_full_speed(tmp_path: Path) -> None:
    assert SystemProcessor(tmp_path).speed() == 1
    policy(tmp_path, 0, cpuinfo_max_freq="nobody knows")
    assert SystemProcessor(tmp_path).speed() == 1


def test_the_mean_of_all_cores_and_as_it_is_now(tmp_path: Path) -> None:
    policy(tmp_path, 0, cpuinfo_max_freq=4_000_000, scaling_max_freq=4_000_000)
    policy(tmp_path, 1, cpuinfo_max_freq=2_000_000, scaling_max_freq=1_000_000)
    processor = SystemProcessor(tmp_path)
    assert processor.speed() == pytest.approx(0.75)
    policy(tmp_path, 0, scaling_max_freq=2_000_000)
    assert processor.speed() == pytest.approx(0.5)


@pytest.mark.parametrize(("allowed", "speed"), [(0, 0.05), (9_000_000, 1.0)])
def test_no_file_stops_time(tmp_path: Path, allowed: int, speed: float) -> None:
    policy(tmp_path, 0, cpuinfo_max_freq=4_000_000, scaling_max_freq=allowed)
    assert SystemProcessor(tmp_path).speed() == speed


def test_zones_that_the_kernel_cools_are_named(tmp_path: Path) -> None:
    assert hot(tmp_path) == []
    zone(tmp_path, 0, "x86_pkg_temp", 97_000, passive=95_000, critical=105_000)
    zone(tmp_path, 1, "acpitz", 40_000, active=30_000, critical=90_000)
    zone(tmp_path, 2, "nvme", 99_000, passive=0)
    assert hot(tmp_path) == ["x86_pkg_temp at 97 °C"]
