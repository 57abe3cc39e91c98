"""Which meter is chosen, and what is said about each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge_agent.energy import Choice, Hardware, ModelledMeter, describe, meter_for
from edge_agent.energy.combined import CombinedMeter
from edge_agent.energy.counted import CountedMeter
from orchestrator.errors import ConfigError
from orchestrator.units import EnergySource
from tests.edge_agent.energy.fake_nvml import Board, FakeNvml

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine


def source(machine: Machine, choice: Choice) -> EnergySource:
    """Of a long answer."""
    span = machine.meter(choice).start()
    machine.works(30)
    return span.stop().source


def test_rapl_before_the_battery_before_the_model(machine: Machine) -> None:
    assert source(machine, "auto") is EnergySource.MODELLED
    machine.supply("BAT0", type="Battery", status="Discharging", power_now=9_000_000)
    assert source(machine, "auto") is EnergySource.BATTERY
    machine.zone("intel-rapl:0", "package-0")
    assert source(machine, "auto") is EnergySource.RAPL


def test_the_configuration_may_insist(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0")
    machine.supply("BAT0", type="Battery", status="Discharging", power_now=9_000_000)
    assert source(machine, "battery") is EnergySource.BATTERY
    assert source(machine, "modelled") is EnergySource.MODELLED
    assert isinstance(machine.meter("nvml", FakeNvml(Board())), CombinedMeter)
    assert isinstance(machine.meter("rapl", FakeNvml(Board())), CountedMeter)


@pytest.mark.parametrize(
    ("choice", "why"),
    [("rapl", "no powercap counters"), ("battery", "no battery"), ("nvml", "nvidia-ml-py is not installed")],
)
def test_a_meter_that_is_not_there_is_refused(machine: Machine, choice: Choice, why: str) -> None:
    with pytest.raises(ConfigError, match=f"energy.meter is {choice}, but .*{why}") as refused:
        machine.meter(choice)
    assert refused.value.remedy == "set it to auto or modelled"


def test_a_gpu_that_cannot_be_read_leaves_the_processor(machine: Machine) -> None:
    assert isinstance(machine.meter("auto", FakeNvml(driver=False), on_gpu=True), ModelledMeter)
    assert isinstance(machine.meter("auto", None, on_gpu=True), ModelledMeter)


def test_each_meter_says_whether_it_can_be_used_and_why_not(machine: Machine) -> None:
    told = {status.source.value: status for status in describe(machine.profile, machine.hardware)}
    assert [*told] == ["rapl", "battery", "nvml", "modelled"]
    assert [status.available for status in told.values()] == [False, False, False, True]
    assert "no powercap counters" in told["rapl"].detail
    assert told["modelled"].detail == "test: 4 W a busy core, 0.125 J a GB moved, ± 25%"


def test_a_meter_that_can_be_used_says_what_it_counts(machine: Machine) -> None:
    def details() -> list[str]:
        boards = FakeNvml(Board(), Board(joules=None))
        return [status.detail for status in describe(machine.profile, replace(machine.hardware, nvml=boards))]

    machine.zone("intel-rapl:0", "package-0")
    cell = machine.supply("BAT0", type="Battery", status="Full", power_now=0)
    rapl, battery, nvml, _ = details()
    assert rapl == "counts package-0, but not the memory"
    assert battery == "counts the whole machine once it is unplugged; until then the model tells"
    assert nvml == "Board, counts energy; Board, tells power"
    machine.zone("intel-rapl:0:0", "dram")
    machine.set(cell, status="Discharging")
    rapl, battery, *_ = details()
    assert (rapl, battery) == ("counts package-0, dram", "counts the whole machine, for answers of 10 s and more")


def test_this_machine_has_a_meter(machine: Machine) -> None:
    span = meter_for("auto", machine.profile, Hardware.here()).start()
    assert sum(range(100_000)) > 0
    energy = span.stop()
    assert energy.joules >= 0
    assert energy.uncertainty_joules >= 0
