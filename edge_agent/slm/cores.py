"""How many processor cores are ours to compute on."""

from __future__ import annotations

import os
from pathlib import Path


def usable_cores(cpus: frozenset[int] | None = None, *, sysfs: Path = Path("/sys")) -> int:
    """Physical cores that this process may use, at least 1.

    Two hardware threads of one core share its arithmetic units, so a second one adds nothing to a matrix product.
    A container's CPU quota counts too: threads beyond it are put to sleep in the middle of a product.

    Args:
        cpus: logical processors that may be used; None asks the operating system.
        sysfs: where Linux describes the machine. What is not there is not counted.
    """
    if cpus is None:
        cpus = _allowed()
    cores = {_read(sysfs / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in cpus}
    quota = _quota(_read(sysfs / "fs/cgroup/cpu.max"))
    return max(1, min(len(cores), quota or len(cores)))


def _allowed() -> frozenset[int]:
    """The logical processors of this process's affinity mask; where there is no such thing, all."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _quota(cpu_max: str) -> int | None:
    """Whole processors in a cgroup's `cpu.max` ("200000 100000" is 2); None where there is no limit."""
    limit, _, period = cpu_max.partition(" ")
    return max(1, int(limit) // int(period)) if limit.isdigit() and period.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
