"""RAPL on a made-up sysfs tree: domains, wrap-around, permission, and the part of one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.energy import powercap, rapl
from edge_agent.energy.rapl import RaplCounter
from orchestrator.units import EnergySource

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine

NOBODY = 65534


def joules(zone: Path, value: float) -> None:
    (zone / "energy_uj").write_text(f"{round(value * 1e6)}\n")


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read everything, so where the tests run as root they become nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_alone_on_the_machine_the_process_gets_all_above_idle(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0", energy_uj=7_000_000)
    span = machine.meter().start()
    joules(package, 7 + 50)
    machine.now_s += 5
    machine.cpu_s += 8
    machine.busy(208)
    energy = span.read()
    assert energy.joules == pytest.approx(50 - 2 * 5)
    assert energy.source is EnergySource.RAPL
    assert energy.uncertainty_joules == pytest.approx((2.0**2 + 2.5**2) ** 0.5, rel=0.01)  # counter, idle power


def test_beside_others_it_gets_its_part_by_cpu_time_and_is_less_certain(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    span = machine.meter().start()
    joules(package, 50)
    machine.now_s += 5
    machine.cpu_s += 2
    machine.busy(208)
    energy = span.read()
    assert energy.joules == pytest.approx(10)
    assert energy.uncertainty_joules >= 0.75 * energy.joules  # three quarters of the work were others'


def test_several_sockets_add_up(machine: Machine) -> None:
    zones = [machine.zone(f"intel-rapl:{n}", f"package-{n}") for n in range(3)]
    span = machine.meter().start()
    for n, zone in enumerate(zones):
        joules(zone, 10 * (n + 1))
    machine.cpu_s += 1
    machine.busy(201)
    assert span.read().joules == pytest.approx(60)


def test_only_packages_and_memory_are_counted(machine: Machine) -> None:
    names = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram",
        "intel-rapl:1": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    zones = {folder: machine.zone(folder, name) for folder, name in names.items()}
    meter = machine.meter()
    span = meter.start()
    for zone in zones.values():
        joules(zone, 10)
    machine.cpu_s += 1
    machine.busy(201)
    assert RaplCounter(machine.profile, sysfs_root=machine.sysfs).domains == ("package-0", "dram")
    assert span.read().joules == pytest.approx(20)


def test_a_counter_that_wraps_around_counts_on(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0", energy_uj=99_000_000, range_uj=100_000_000)
    span = machine.meter().start()
    machine.cpu_s += 1
    machine.busy(201)
    joules(package, 3)
    assert span.read().joules == pytest.approx(4)
    joules(package, 98)
    assert span.read().joules == pytest.approx(99)
    joules(package, 1)
    assert span.read().joules == pytest.approx(102)


@settings(max_examples=30)
@given(
    st.integers(1_000, 10**12).flatmap(
        lambda range_uj: st.tuples(
            st.just(range_uj), st.integers(0, range_uj - 1), st.lists(st.integers(0, range_uj - 1), max_size=20)
        )
    )
)
def test_however_often_it_wraps_around_what_rose_is_what_is_counted(case: tuple[int, int, list[int]]) -> None:
    range_uj, first_uj, steps = case
    with TemporaryDirectory() as folder:
        file = Path(folder) / "energy_uj"
        file.write_text(f"{first_uj}\n")
        domain = powercap.Domain("package-0", file, range_uj)
        for n, step in enumerate(steps, 1):
            file.write_text(f"{(first_uj + sum(steps[:n])) % range_uj}\n")
            assert domain.joules() == sum(steps[:n]) / 1e6, step


def test_less_than_idle_is_nothing(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    span = machine.meter().start()
    joules(package, 5)
    machine.now_s += 10
    machine.cpu_s += 1
    machine.busy(201)
    assert span.read().joules == 0


def test_within_a_tick_of_the_machines_clock_the_process_counts_as_alone(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    span = machine.meter().start()
    assert span.read().joules == 0
    joules(package, 0.1)
    machine.cpu_s += 0.004
    energy = span.read()
    assert energy.joules == pytest.approx(0.1)
    assert energy.uncertainty_joules >= energy.joules  # the machine's figure is too coarse to know


def test_spans_that_overlap_split_what_the_process_used(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    meter = machine.meter()
    one, other = meter.start(), meter.start()
    joules(package, 50)
    machine.now_s += 5
    machine.cpu_s += 8
    machine.busy(208)
    assert [one.stop().joules, other.stop().joules] == pytest.approx([20, 20])
    assert one.stop().uncertainty_joules >= 20


def test_a_counter_that_goes_away_makes_the_figure_a_modelled_one(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    meter = machine.meter()
    span = meter.start()
    machine.cpu_s += 2
    span.moved(8_000_000_000)
    (package / "energy_uj").unlink()
    assert span.read() == span.stop()
    assert (span.stop().source, span.stop().joules) == (EnergySource.MODELLED, 2 * 4.0 + 1.0)
    assert meter.start().read().source is EnergySource.MODELLED


def test_a_counter_that_shows_no_number_cannot_be_read(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    (package / "energy_uj").write_text("")
    assert rapl.unavailable(machine.sysfs) == f"{package / 'energy_uj'} cannot be read: not a number"


def test_without_counters_it_says_why(machine: Machine) -> None:
    assert "no powercap counters" in rapl.unavailable(machine.sysfs)
    machine.zone("intel-rapl:0", "psys")
    assert "no powercap counters" in rapl.unavailable(machine.sysfs)
    with pytest.raises(OSError, match="no powercap counters"):
        RaplCounter(machine.profile, sysfs_root=machine.sysfs)


def test_without_permission_it_says_so_and_what_helps() -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        zone = Path(folder) / "class/powercap/intel-rapl:0"
        zone.mkdir(parents=True)
        (zone / "name").write_text("package-0\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
        (zone / "energy_uj").write_text("12\n")
        (zone / "energy_uj").chmod(0)
        with without_rights():
            why = rapl.unavailable(Path(folder))
            with pytest.raises(PermissionError):
                powercap.domains(Path(folder))
    assert why.startswith(f"only root may read {zone / 'energy_uj'}; `sudo chmod a+r ")
