"""What feeds the device, on a made-up sysfs tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_agent.energy import SystemBattery
from orchestrator.budget import PowerState

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine


def test_a_battery_that_is_drained(machine: Machine) -> None:
    machine.supply("AC", type="Mains", online="0")
    machine.supply("BAT0", type="Battery", capacity="83", status="Discharging")
    assert SystemBattery(machine.sysfs).power() == PowerState(charge=0.83, plugged_in=False)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging"])
def test_a_battery_on_the_mains(machine: Machine, status: str) -> None:
    machine.supply("BAT0", type="Battery", capacity="104", status=status)
    assert SystemBattery(machine.sysfs).power() == PowerState(charge=1.0, plugged_in=True)


def test_two_batteries_of_which_one_is_drained(machine: Machine) -> None:
    machine.supply("BAT0", type="Battery", capacity="100", status="Not charging")
    machine.supply("BAT1", type="Battery", capacity="40", status="Discharging")
    assert SystemBattery(machine.sysfs).power() == PowerState(charge=0.7, plugged_in=False)


def test_a_mouse_is_not_this_device(machine: Machine) -> None:
    machine.supply("hidpp_battery_0", type="Battery", scope="Device", capacity="12", status="Discharging")
    assert SystemBattery(machine.sysfs).power() is None


def test_no_battery_and_a_silent_one_tell_nothing(machine: Machine) -> None:
    assert SystemBattery(machine.sysfs).power() is None
    machine.supply("AC", type="Mains", online="1")
    machine.supply("BAT0", type="Battery", status="Unknown")
    assert SystemBattery(machine.sysfs).power() is None
