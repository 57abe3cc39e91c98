"""The modelled meter: CPU seconds and bytes moved, times a profile."""

from __future__ import annotations

import math
import time

from edge_agent.energy import ModelledMeter, Profile
from orchestrator.units import EnergySource

PROFILE = Profile(name="test", core_watts=4.0, dram_joules_per_gb=0.125, idle_package_watts=1.0, uncertainty_share=0.25)


class Cpu:
    """CPU seconds of a process, as told."""

    def __init__(self) -> None:
        self.seconds = 3.0

    def __call__(self) -> float:
        return self.seconds


def test_cpu_seconds_and_bytes_become_joules() -> None:
    cpu = Cpu()
    span = ModelledMeter(PROFILE, cpu_seconds=cpu).start()
    cpu.seconds += 0.5
    span.moved(6_000_000_000)
    span.moved(2_000_000_000)
    energy = span.read()
    assert energy.joules == 0.5 * 4.0 + 8 * 0.125
    assert energy.uncertainty_joules == 0.25 * energy.joules
    assert energy.source is EnergySource.MODELLED


def test_nothing_done_is_nothing_spent() -> None:
    energy = ModelledMeter(PROFILE, cpu_seconds=Cpu()).start().read()
    assert (energy.joules, energy.uncertainty_joules) == (0, 0)


def test_spans_that_overlap_split_cpu_time_but_not_bytes_and_are_less_certain() -> None:
    cpu = Cpu()
    meter = ModelledMeter(PROFILE, cpu_seconds=cpu)
    busy, waiting = meter.start(), meter.start()
    cpu.seconds += 1.0
    busy.moved(8_000_000_000)
    assert busy.read().joules == 0.5 * 4.0 + 1.0
    assert waiting.read().joules == 0.5 * 4.0
    assert waiting.read().uncertainty_joules == math.hypot(0.25 * 2.0, 2.0)


def test_a_stopped_span_keeps_its_figure() -> None:
    cpu = Cpu()
    span = ModelledMeter(PROFILE, cpu_seconds=cpu).start()
    cpu.seconds += 1.0
    final = span.stop()
    cpu.seconds += 1.0
    assert span.stop() == span.read() == final


def test_by_default_it_counts_this_process() -> None:
    span = ModelledMeter(PROFILE).start()
    until = time.process_time() + 0.125
    while time.process_time() < until:
        pass
    assert span.read().joules >= 0.125 * PROFILE.core_watts
