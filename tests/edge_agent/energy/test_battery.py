"""The battery on a made-up sysfs tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.energy import BatteryState, battery_state


def supply(root: Path, name: str, **files: str) -> Path:
    folder = root / "class/power_supply" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(f"{text}\n")
    return folder


def test_a_battery_that_is_drained(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", capacity="83", status="Discharging")
    assert battery_state(tmp_path) == BatteryState(83.0, charging=False)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging"])
def test_a_battery_on_the_mains(tmp_path: Path, status: str) -> None:
    supply(tmp_path, "BAT0", type="Battery", capacity="100", status=status)
    assert battery_state(tmp_path) == BatteryState(100.0, charging=True)


def test_two_batteries_of_which_one_is_drained(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", type="Battery", capacity="100", status="Not charging")
    supply(tmp_path, "BAT1", type="Battery", capacity="40", status="Discharging")
    assert battery_state(tmp_path) == BatteryState(70.0, charging=False)


def test_a_mouse_is_not_this_device(tmp_path: Path) -> None:
    supply(tmp_path, "hidpp_battery_0", type="Battery", scope="Device", capacity="12", status="Discharging")
    assert battery_state(tmp_path) is None


def test_no_battery_and_a_silent_one_tell_nothing(tmp_path: Path) -> None:
    assert battery_state(tmp_path) is None
    supply(tmp_path, "AC", type="Mains", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Unknown")
    assert battery_state(tmp_path) is None
