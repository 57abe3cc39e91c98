"""The meter of NVIDIA GPUs: NVML counts the joules of whole boards, and this process gets what they take above idle.

`nvmlDeviceGetTotalEnergyConsumption` counts millijoules since the driver was loaded, on Volta and newer. On older GPUs
`nvmlDeviceGetPowerUsage` is integrated over time by the trapezoid rule. The library is `nvidia-ml-py`, the extra `gpu`.

A GPU counts where this process has a context on it. In a container NVML may know the process by another number: then
all GPUs count, and those that did nothing add nothing above their idle power.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from edge_agent.energy.shares import Counts, Part, Share, SharedCounters
from orchestrator.ports import EnergySpan
from orchestrator.units import Energy, EnergySource

EXTRA: Final = "gpu"
_BOARD_UNCERTAINTY: Final = 0.05
"""Share of a reading (NVML's documentation, for `nvmlDeviceGetPowerUsage`). Z. Yang et al., "Part-time Power
Measurements: nvidia-smi's Lack of Attention" (arXiv 2312.02741, 2023) find the same for a steady load."""
_SAMPLED_UNCERTAINTY: Final = 0.2
"""Of power that is integrated here: a second's average or a moment's value, a few times a second (the same paper)."""
_IDLE_UNCERTAINTY: Final = 0.2
"""Idle power rises with temperature and with a context that holds the clocks up. An estimate of ours."""


class Nvml(Protocol):
    """The part of `pynvml` that is used here."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetName(self, handle: Any) -> str: ...
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int: ...
    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int: ...
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Sequence[Any]: ...


def library() -> Nvml | None:
    """The installed `pynvml`, or None. Nothing is loaded or started before this."""
    try:
        import pynvml
    except ImportError:
        return None
    found: Nvml = pynvml
    return found


class Gpu:
    """One board: joules since this object was made."""

    def __init__(self, nvml: Nvml, index: int, monotonic: Callable[[], float]) -> None:
        """Look at the board; what it takes at this moment counts as its idle power.

        Raises:
            NVMLError: it tells neither energy nor power.
        """
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self._monotonic = monotonic
        self.name = nvml.nvmlDeviceGetName(self._handle)
        self.lost = False
        """Whether it could not be read any more: nobody knows what it took since."""
        self.idle_watts = self._watts()
        self.counts = self._counts_energy()
        self._seen_s, self._seen_watts = monotonic(), self.idle_watts
        self._joules = 0.0
        self._shown_mj = nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) if self.counts else 0

    def joules(self) -> float:
        """What was counted so far; no more where the board was lost."""
        try:
            self._joules += self._risen()
        except self._nvml.NVMLError:
            self.lost = True
        return self._joules

    def processes(self) -> frozenset[int]:
        """Those that have a context on it, as far as NVML tells."""
        try:
            return frozenset(entry.pid for entry in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle))
        except self._nvml.NVMLError:
            return frozenset()

    def _risen(self) -> float:
        if self.counts:
            shown_mj = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
            risen_mj = max(0, shown_mj - self._shown_mj)  # a driver that was reloaded begins again
            self._shown_mj = shown_mj
            return risen_mj / 1000
        now_s, watts = self._monotonic(), self._watts()
        risen = (watts + self._seen_watts) / 2 * (now_s - self._seen_s)
        self._seen_s, self._seen_watts = now_s, watts
        return risen

    def _watts(self) -> float:
        return self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000

    def _counts_energy(self) -> bool:
        try:
            self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except self._nvml.NVMLError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Use:
    """Which boards a span counts, and the share of their processes that are others'."""

    boards: tuple[int, ...]
    others_share: float


class NvmlMeter:
    """An `EnergyMeter` of the GPUs alone; `combined` adds the processor's."""

    def __init__(self, nvml: Nvml, *, pid: int | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open every GPU. Best before a model is loaded: what they take now is called idle.

        Args:
            nvml: `library()`, or what stands in for it.
            pid: of this process; by default as the system says.
            monotonic: a clock in seconds that never jumps.

        Raises:
            NVMLError: there is no driver, or a GPU tells nothing; `unavailable` says why beforehand.
        """
        nvml.nvmlInit()
        self._nvml = nvml
        self._pid = os.getpid() if pid is None else pid
        self._monotonic = monotonic
        self.gpus = [Gpu(nvml, index, monotonic) for index in range(nvml.nvmlDeviceGetCount())]
        self._counters = SharedCounters(self._read)

    def start(self) -> EnergySpan:
        """Begin a span."""
        return NvmlSpan(self, self._counters.open())

    def energy(self, part: Part) -> Energy:
        """What a share of the counters is in joules."""
        *boards, elapsed_s = part.counts
        use = self._use()
        lost = any(self.gpus[board].lost for board in use.boards)
        energy = Energy(0.0, 0.0, EnergySource.MODELLED if lost else EnergySource.NVML)
        for board in use.boards:
            gpu = self.gpus[board]
            idle_joules = gpu.idle_watts * elapsed_s
            joules = max(0.0, boards[board] - idle_joules)
            uncertainty = math.hypot(
                joules * (_BOARD_UNCERTAINTY if gpu.counts else _SAMPLED_UNCERTAINTY),
                idle_joules * _IDLE_UNCERTAINTY,
                joules * (1.0 if gpu.lost else use.others_share),
                joules * (part.contested[-1] / elapsed_s if elapsed_s else 0.0),
            )
            energy += Energy(joules, uncertainty, energy.source)
        return energy

    def _use(self) -> _Use:
        running = [gpu.processes() for gpu in self.gpus]
        boards = tuple(n for n, pids in enumerate(running) if self._pid in pids) or tuple(range(len(running)))
        pids = frozenset[int]().union(*(running[board] for board in boards))
        others = pids - {self._pid}
        return _Use(boards, len(others) / (len(others) + 1) if self._pid in pids else 0.0)

    def _read(self) -> Counts:
        return *(gpu.joules() for gpu in self.gpus), self._monotonic()


class NvmlSpan:
    """An `EnergySpan` of the GPUs."""

    def __init__(self, meter: NvmlMeter, share: Share) -> None:
        self._meter = meter
        self._share = share
        self._final: Energy | None = None

    def moved(self, n_bytes: int) -> None:
        """Nothing: the board's own memory is in its counter."""

    def read(self) -> Energy:
        """Energy since the span began."""
        return self._final or self._meter.energy(self._share.read())

    def stop(self) -> Energy:
        """The final figure."""
        if self._final is None:
            self._final = self._meter.energy(self._share.stop())
        return self._final


def unavailable(nvml: Nvml | None) -> str:
    """Why no GPU can be measured, with the remedy where there is one; empty where one can."""
    if nvml is None:
        return f"nvidia-ml-py is not installed: pip install 'edgewise[{EXTRA}]'"
    try:
        gpus = NvmlMeter(nvml).gpus
    except nvml.NVMLError as error:
        return f"no NVIDIA GPU can be read: {error}"
    return "" if gpus else "no NVIDIA GPU is there"
