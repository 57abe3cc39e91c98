"""Which meter is chosen, and what is said about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.energy import ModelledMeter, RaplMeter, best_meter, describe, meter_for
from orchestrator.errors import ConfigError
from orchestrator.units import EnergySource

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine


def test_rapl_where_it_can_be_read_and_the_model_elsewhere(machine: Machine) -> None:
    assert isinstance(best_meter(machine.profile, sysfs_root=machine.sysfs), ModelledMeter)
    machine.zone("intel-rapl:0", "package-0")
    assert isinstance(best_meter(machine.profile, sysfs_root=machine.sysfs), RaplMeter)


def test_the_configuration_may_insist(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="no powercap counters") as refused:
        meter_for("rapl", machine.profile, sysfs_root=machine.sysfs)
    assert refused.value.remedy == "set it to auto or modelled"
    assert isinstance(meter_for("auto", machine.profile, sysfs_root=machine.sysfs), ModelledMeter)
    machine.zone("intel-rapl:0", "package-0")
    assert isinstance(meter_for("rapl", machine.profile, sysfs_root=machine.sysfs), RaplMeter)
    assert isinstance(meter_for("modelled", machine.profile, sysfs_root=machine.sysfs), ModelledMeter)


def test_each_meter_says_whether_it_can_be_used_and_why_not(machine: Machine) -> None:
    measured, model = describe(machine.profile, sysfs_root=machine.sysfs)
    assert (measured.source, measured.available) == (EnergySource.RAPL, False)
    assert "no powercap counters" in measured.detail
    assert (model.source, model.available) == (EnergySource.MODELLED, True)
    assert model.detail == "test: 4 W a busy core, 0.125 J a GB moved, ± 25%"


def test_a_meter_that_can_be_used_says_what_it_counts(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0")
    measured, _ = describe(machine.profile, sysfs_root=machine.sysfs)
    assert (measured.available, measured.detail) == (True, "counts package-0, but not the memory")
    machine.zone("intel-rapl:0:0", "dram")
    measured, _ = describe(machine.profile, sysfs_root=machine.sysfs)
    assert measured.detail == "counts package-0, dram"


def test_this_machine_has_a_meter(machine: Machine) -> None:
    span = best_meter(machine.profile).start()
    assert sum(range(100_000)) > 0
    energy = span.stop()
    assert energy.joules >= 0
    assert energy.uncertainty_joules >= 0
