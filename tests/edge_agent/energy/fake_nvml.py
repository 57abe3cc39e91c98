"""NVML as a test wants it: boards whose counters it turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class NvmlFailedError(Exception):
    """What the library raises."""


@dataclass
class Board:
    """One GPU."""

    watts: float = 50.0
    joules: float | None = 0.0
    """None where it counts no energy, as before Volta."""
    pids: list[int] = field(default_factory=list)
    lost: bool = False
    hides_processes: bool = False


class FakeNvml:
    """The part of `pynvml` that the meter calls."""

    NVMLError: type[Exception] = NvmlFailedError

    def __init__(self, *boards: Board, driver: bool = True) -> None:
        self.boards = boards
        self._driver = driver

    def nvmlInit(self) -> None:
        if not self._driver:
            raise NvmlFailedError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return len(self.boards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Board:
        return self.boards[index]

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return "Board"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int:
        if handle.joules is None or handle.lost:
            raise NvmlFailedError("Not Supported")
        return int(handle.joules * 1000)

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:
        if handle.lost:
            raise NvmlFailedError("GPU is lost")
        return int(handle.watts * 1000)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Sequence[Any]:
        if handle.hides_processes:
            raise NvmlFailedError("Insufficient Permissions")
        return [SimpleNamespace(pid=pid) for pid in handle.pids]
