"""Counting cores on made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.cores import usable_cores


def machine(root: Path, siblings: list[str], cpu_max: str | None = None) -> Path:
    for cpu, group in enumerate(siblings):
        topology = root / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(group + "\n")
    if cpu_max is not None:
        (root / "fs/cgroup").mkdir(parents=True)
        (root / "fs/cgroup/cpu.max").write_text(cpu_max + "\n")
    return root


def test_two_hardware_threads_are_one_core(tmp_path: Path) -> None:
    sysfs = machine(tmp_path, ["0,2", "1,3", "0,2", "1,3"])
    assert usable_cores(frozenset({0, 1, 2, 3}), sysfs=sysfs) == 2
    assert usable_cores(frozenset({0, 2}), sysfs=sysfs) == 1


@pytest.mark.parametrize(
    ("cpu_max", "cores"), [("max 100000", 4), ("200000 100000", 2), ("50000 100000", 1), ("900000 100000", 4), ("", 4)]
)
def test_a_containers_quota_counts(tmp_path: Path, cpu_max: str, cores: int) -> None:
    sysfs = machine(tmp_path, ["0", "1", "2", "3"], cpu_max)
    assert usable_cores(frozenset(range(4)), sysfs=sysfs) == cores


def test_where_nothing_is_described_every_processor_counts(tmp_path: Path) -> None:
    assert usable_cores(frozenset({0, 1, 2}), sysfs=tmp_path) == 3


def test_this_machine_has_at_least_one() -> None:
    assert usable_cores() >= 1
