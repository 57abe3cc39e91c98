"""GPUs as a meter, on a library that a test plays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from edge_agent.energy import nvml
from edge_agent.energy.nvml import NvmlMeter
from orchestrator.units import EnergySource
from tests.edge_agent.energy.fake_nvml import Board, FakeNvml

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine

OURS, OTHER = 100, 200


def meter(machine: Machine, *boards: Board) -> NvmlMeter:
    return NvmlMeter(FakeNvml(*boards), pid=OURS, monotonic=lambda: machine.now_s)


def test_the_energy_counter_above_idle(machine: Machine) -> None:
    board = Board(watts=50, joules=1000.0, pids=[OURS])
    span = meter(machine, board).start()
    board.joules, board.watts = 3000.0, 200
    machine.now_s += 10
    energy = span.read()
    assert energy.joules == pytest.approx(2000 - 50 * 10)
    assert energy.source is EnergySource.NVML
    assert energy.uncertainty_joules == pytest.approx((75.0**2 + 100.0**2) ** 0.5)  # the board's, the idle power's


def test_a_board_without_a_counter_has_its_power_integrated_and_is_less_certain(machine: Machine) -> None:
    board = Board(watts=20, joules=None, pids=[OURS])
    span = meter(machine, board).start()
    board.watts = 120
    machine.now_s += 1
    span.read()
    machine.now_s += 9
    energy = span.stop()
    assert energy.joules == pytest.approx(70 * 1 + 120 * 9 - 20 * 10)
    assert energy.uncertainty_joules >= 0.2 * energy.joules


def test_only_the_boards_that_this_process_uses_count(machine: Machine) -> None:
    boards = [Board(pids=[OURS]), Board(pids=[OTHER]), Board(pids=[OURS])]
    span = meter(machine, *boards).start()
    machine.now_s += 10
    for board in boards:
        board.joules = 1500.0
    assert span.stop().joules == pytest.approx(2 * (1500 - 500))


def test_where_the_process_is_not_known_all_boards_count(machine: Machine) -> None:
    boards = [Board(hides_processes=True), Board()]
    span = meter(machine, *boards).start()
    machine.now_s += 10
    boards[0].joules = boards[1].joules = 1500.0
    assert span.stop().joules == pytest.approx(2 * 1000)


def test_beside_another_process_it_is_less_certain(machine: Machine) -> None:
    board = Board(pids=[OURS, OTHER])
    span = meter(machine, board).start()
    machine.now_s += 10
    board.joules = 1500.0
    assert span.stop().uncertainty_joules >= 500


def test_spans_that_overlap_split_a_board(machine: Machine) -> None:
    board = Board(pids=[OURS])
    gpu = meter(machine, board)
    one, other = gpu.start(), gpu.start()
    machine.now_s += 10
    board.joules = 1500.0
    assert [one.stop().joules, other.stop().joules] == pytest.approx([500, 500])
    assert one.stop().uncertainty_joules >= 500


def test_a_stopped_span_keeps_its_figure(machine: Machine) -> None:
    board = Board(pids=[OURS])
    span = meter(machine, board).start()
    machine.now_s += 10
    board.joules = 1500.0
    final = span.stop()
    board.joules = 9000.0
    span.moved(10**9)
    assert span.read() == span.stop() == final


def test_a_driver_that_was_reloaded_counts_from_zero(machine: Machine) -> None:
    board = Board(watts=0, joules=1000.0, pids=[OURS])
    span = meter(machine, board).start()
    board.joules = 0.0
    span.read()
    board.joules = 7.0
    assert span.stop().joules == pytest.approx(7)


def test_a_board_that_is_lost_keeps_what_it_counted_and_nobody_calls_it_measured(machine: Machine) -> None:
    board = Board(watts=0, pids=[OURS])
    span = meter(machine, board).start()
    board.joules = 40.0
    span.read()
    board.lost = True
    energy = span.stop()
    assert energy.joules == pytest.approx(40)
    assert energy.source is EnergySource.MODELLED
    assert energy.uncertainty_joules >= 40


def test_the_processor_is_added_where_the_model_runs_on_the_gpu(machine: Machine) -> None:
    board = Board(watts=0, pids=[os.getpid()])
    library = FakeNvml(board)
    span = machine.meter("auto", library, on_gpu=True).start()
    machine.works(2)
    span.moved(8_000_000_000)
    board.joules = 100.0
    energy = span.stop()
    assert energy.joules == pytest.approx(100 + 2 * 4 + 1)
    assert energy.source is EnergySource.MODELLED  # the processor's part is
    alone = machine.meter("auto", library).start()
    machine.works(2)
    board.joules = 200.0
    assert alone.stop().joules == pytest.approx(8)


def test_two_measurements_are_called_by_the_larger_one(machine: Machine) -> None:
    package = machine.zone("intel-rapl:0", "package-0")
    board = Board(watts=0, pids=[os.getpid()])
    span = machine.meter("nvml", FakeNvml(board)).start()
    machine.works(1)
    (package / "energy_uj").write_text("10000000\n")
    board.joules = 100.0
    energy = span.read()
    assert energy.joules == pytest.approx(108)
    assert energy.source is EnergySource.NVML


def test_a_battery_has_the_gpu_in_it_but_the_model_beside_it_has_not(machine: Machine) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Discharging", power_now=50_000_000)
    board = Board(watts=0, pids=[os.getpid()])
    meter = machine.meter("battery", FakeNvml(board), on_gpu=True)
    span = meter.start()
    machine.works(20)
    board.joules = 100.0
    assert span.stop().joules == pytest.approx((50 - 6) * 20)
    machine.set(cell, status="Charging")
    span = meter.start()
    machine.works(20)
    board.joules = 200.0
    assert span.stop().joules == pytest.approx(100 + 20 * 4)


def test_what_is_missing_is_said() -> None:
    assert nvml.unavailable(None) == "nvidia-ml-py is not installed: pip install 'edgewise[gpu]'"
    assert nvml.unavailable(FakeNvml(driver=False)) == "no NVIDIA GPU can be read: Driver Not Loaded"
    assert nvml.unavailable(FakeNvml()) == "no NVIDIA GPU is there"
    assert nvml.unavailable(FakeNvml(Board(lost=True))) == "no NVIDIA GPU can be read: GPU is lost"
    assert nvml.unavailable(FakeNvml(Board())) == ""


def test_the_real_library_says_what_it_finds() -> None:
    library = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    why = nvml.unavailable(library)
    assert why == "" or why.startswith("no NVIDIA GPU")
