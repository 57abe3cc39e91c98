"""The battery as a meter, on a made-up sysfs tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.energy import battery
from edge_agent.energy.battery import BatteryCounter
from orchestrator.units import EnergySource

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine

WATTS = 1_000_000
"""In microwatts, as the files have it."""
WATT_HOURS = 1_000_000


def test_power_is_integrated_and_what_idles_is_taken_off(machine: Machine) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Discharging", power_now=10 * WATTS)
    span = machine.meter("battery").start()
    machine.works(20)
    machine.set(cell, power_now=20 * WATTS)
    span.read()
    machine.works(20)
    energy = span.stop()
    assert energy.joules == pytest.approx(15 * 20 + 20 * 20 - 6 * 40)
    assert energy.source is EnergySource.BATTERY
    assert 0.05 * energy.joules < energy.uncertainty_joules < energy.joules


@pytest.mark.parametrize("sign", [1, -1])
def test_current_and_voltage_are_power_too(machine: Machine, sign: int) -> None:
    machine.supply("BAT0", type="Battery", status="Discharging", current_now=sign * 2_000_000, voltage_now=11_000_000)
    span = machine.meter("battery").start()
    machine.works(20)
    assert span.stop().joules == pytest.approx((22 - 6) * 20)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"energy_now": 50 * WATT_HOURS}, {"energy_now": 49.75 * WATT_HOURS}),
        ({"charge_now": 5_000_000, "voltage_now": 10_000_000}, {"charge_now": 4_975_000}),
    ],
)
def test_without_power_what_is_left_is_looked_at(
    machine: Machine, before: dict[str, float], after: dict[str, float]
) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Discharging", **{k: int(v) for k, v in before.items()})
    span = machine.meter("battery").start()
    machine.works(60)
    machine.set(cell, **{k: int(v) for k, v in after.items()})
    energy = span.stop()
    assert energy.joules == pytest.approx(0.25 * 3600 - 6 * 60)
    assert energy.uncertainty_joules > 36  # the gauge moves in steps


def test_two_batteries_add_up(machine: Machine) -> None:
    for name, watts in (("BAT0", 5), ("BAT1", 7)):
        machine.supply(name, type="Battery", status="Discharging", power_now=watts * WATTS)
    span = machine.meter("battery").start()
    machine.works(20)
    assert span.stop().joules == pytest.approx((12 - 6) * 20)


def test_a_battery_that_rests_beside_one_that_is_drained_draws_nothing(machine: Machine) -> None:
    machine.supply("BAT0", type="Battery", status="Discharging", power_now=10 * WATTS)
    machine.supply("BAT1", type="Battery", status="Not charging", power_now=3 * WATTS)
    span = machine.meter("battery").start()
    machine.works(20)
    assert span.stop().joules == pytest.approx((10 - 6) * 20)


def test_while_it_is_charged_the_model_tells(machine: Machine) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Charging", power_now=30 * WATTS)
    meter = machine.meter("battery")
    span = meter.start()
    machine.works(20)
    energy = span.read()
    assert energy.source is EnergySource.MODELLED
    assert energy.joules == pytest.approx(20 * 4.0)
    machine.set(cell, status="Discharging")
    span.read()
    machine.works(20)
    assert span.stop().source is EnergySource.MODELLED  # half of it was not seen
    later = meter.start()
    machine.works(20)
    assert later.stop().source is EnergySource.BATTERY


def test_a_battery_that_falls_silent_makes_the_figure_a_modelled_one(machine: Machine) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Discharging", power_now=10 * WATTS)
    span = machine.meter("battery").start()
    machine.works(20)
    (cell / "power_now").unlink()
    assert span.stop().source is EnergySource.MODELLED


def test_a_short_answer_is_too_quick_for_a_gauge(machine: Machine) -> None:
    machine.supply("BAT0", type="Battery", status="Discharging", power_now=10 * WATTS)
    span = machine.meter("battery").start()
    machine.works(3)
    assert span.read().source is EnergySource.MODELLED
    assert span.read().joules == pytest.approx(12)


def test_what_cannot_be_measured_is_said(machine: Machine) -> None:
    assert battery.unavailable(machine.sysfs) == "this device has no battery"
    cell = machine.supply("BAT0", type="Battery", status="Discharging", capacity=50)
    assert battery.unavailable(machine.sysfs) == "the battery's driver tells neither power nor what is left"
    with pytest.raises(OSError, match="neither power"):
        BatteryCounter(machine.profile, sysfs_root=machine.sysfs)
    machine.set(cell, energy_now=WATT_HOURS)
    assert battery.unavailable(machine.sysfs) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 90), st.integers(0, 600)), min_size=1, max_size=12))
def test_it_only_rises_and_every_second_is_either_seen_or_not(
    machine: Machine, steps: list[tuple[bool, int, int]]
) -> None:
    folder = machine.sysfs / "class/power_supply/BAT0"
    cell = folder if folder.exists() else machine.supply("BAT0", type="Battery")
    machine.set(cell, status="Discharging", power_now=10 * WATTS)
    counter = BatteryCounter(machine.profile, sysfs_root=machine.sysfs, monotonic=lambda: machine.now_s)
    began_s, before = machine.now_s, counter.read()
    seen_at_most = 0.0
    for drained, watts, seconds in steps:
        machine.set(cell, status="Discharging" if drained else "Charging", power_now=watts * WATTS)
        machine.now_s += seconds
        now = counter.read()
        assert now.joules >= before.joules
        assert now.blind_s in (before.blind_s, before.blind_s + seconds)
        seen_at_most += 90 * (seconds - (now.blind_s - before.blind_s))
        before = now
    assert before.joules <= seen_at_most
    assert before.blind_s <= machine.now_s - began_s
