"""From runs of a model whose law is known to a profile that tells this law."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.energy import Choice, Profile, meter_for
from edge_agent.energy.battery import BatteryCounter
from edge_agent.energy.calibration import calibrated
from edge_agent.energy.rapl import RaplCounter
from edge_agent.energy.rehearsal import Block, Rehearsal, Run, Stage, Stretch, idle_watts
from orchestrator.budget import Deadline
from orchestrator.errors import InferenceFailed
from orchestrator.types import Completed, FinishReason, Message, ModelEvent, Sampling, TextDelta, TokenScore, Usage
from orchestrator.units import Energy, EnergySource

if TYPE_CHECKING:
    from tests.edge_agent.energy.conftest import Machine

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
START_S, FIRST_S, SLOPE_S = 0.02, 0.001, 1e-6
"""Reading: before the first token, for each, and for each pair of tokens."""
WRITE_S, WRITE_SLOPE_S = 0.01, 1e-5
TOKEN_BYTES = 100_000_000
CORES = 2
TRUE_WATTS, TRUE_DRAM, IDLE_WATTS = 8.0, 0.2, 1.5


class MachineClock:
    """The clock of a made-up machine, on which two cores wait or work."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def monotonic(self) -> float:
        return self.machine.now_s

    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        self.spend(seconds, cpu_s=0.0)

    def spend(self, seconds: float, *, cpu_s: float, n_bytes: int = 0) -> None:
        """Time passes, and the package counts what it takes."""
        self.machine.works(seconds, cpu_s=cpu_s)
        counter = self.machine.sysfs / "class/powercap/intel-rapl:0/energy_uj"
        if counter.exists():
            joules = IDLE_WATTS * seconds + TRUE_WATTS * cpu_s + TRUE_DRAM * n_bytes / 1e9
            counter.write_text(f"{int(counter.read_text()) + round(joules * 1e6)}\n")


class LawfulModel:
    """A model whose tokens take exactly what the law says."""

    name = "lawful"
    rolling = False

    def __init__(self, clock: MachineClock, *, context_tokens: int = 4096, tokens: int = 1000) -> None:
        self.context_tokens = context_tokens
        self._clock = clock
        self._tokens = tokens

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        return sum(len(message.text.split()) for message in messages)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncIterator[ModelEvent]:
        n = self.count_tokens(messages)
        reading_s = START_S + FIRST_S * n + SLOPE_S * n * n / 2
        self._clock.spend(reading_s, cpu_s=CORES * reading_s, n_bytes=TOKEN_BYTES)
        written = min(sampling.max_tokens, self._tokens)
        for token in range(written):
            if token:
                each_s = WRITE_S + WRITE_SLOPE_S * (n + token)
                self._clock.spend(each_s, cpu_s=CORES * each_s, n_bytes=TOKEN_BYTES)
            yield TextDelta("x ", (TokenScore(-0.1, 0.1),), TOKEN_BYTES)
        yield Completed(Usage(n, written), FinishReason.LENGTH)


async def rehearsed(
    machine: Machine, choice: Choice = "auto", *, seconds: float = 8, block_s: float = 0.0, **model: int
) -> Rehearsal:
    clock = MachineClock(machine)
    meter = meter_for(choice, machine.profile, machine.hardware)
    stage = Stage(LawfulModel(clock, **model), meter, clock, cpu_seconds=lambda: machine.cpu_s)
    return await stage.rehearse(seconds=seconds, block_s=block_s, advance=lambda _done: None)


def profiled(prior: Profile, rehearsal: Rehearsal, *, speed: float = 1.0) -> Profile:
    return calibrated(
        prior,
        rehearsal,
        machine="here",
        model="lawful",
        threads=CORES,
        load_ms=[300, 310, 290],
        speed=speed,
        now=NOW,
    )


@pytest.mark.anyio
async def test_times_follow_the_law(machine: Machine) -> None:
    known = profiled(machine.profile, await rehearsed(machine)).calibration
    assert known is not None
    assert known.start_ms.value == pytest.approx(1000 * START_S, rel=0.05)
    assert known.prefill_ms.first.value == pytest.approx(1000 * FIRST_S, rel=0.05)
    assert known.prefill_ms.slope.value == pytest.approx(1000 * SLOPE_S, rel=0.05)
    assert known.decode_ms.after(500).value == pytest.approx(1000 * (WRITE_S + 500 * WRITE_SLOPE_S), rel=0.01)
    assert (known.load_ms.value, known.meter, known.taken_at) == (300, EnergySource.MODELLED, NOW)


@pytest.mark.anyio
async def test_without_a_meter_joules_rest_on_the_prior(machine: Machine) -> None:
    found = profiled(machine.profile, await rehearsed(machine))
    prior, known = machine.profile, found.calibration
    assert known is not None
    assert (found.core_watts, found.uncertainty_share) == (prior.core_watts, prior.uncertainty_share)
    each = CORES * WRITE_S * prior.core_watts + 0.1 * prior.dram_joules_per_gb
    assert known.decode_joules.first.value == pytest.approx(each, rel=0.01)


@pytest.mark.anyio
async def test_a_meter_moves_the_figures_to_the_truth_and_makes_them_surer(machine: Machine) -> None:
    machine.zone("intel-rapl:0", "package-0")
    machine.zone("intel-rapl:0:0", "dram")
    counter = RaplCounter(machine.profile, sysfs_root=machine.sysfs)
    watts = await idle_watts(counter, MachineClock(machine))
    assert watts == pytest.approx(IDLE_WATTS)
    machine.profile = machine.profile.model_copy(update={"idle_package_watts": watts})
    found = profiled(machine.profile, await rehearsed(machine))
    assert found.calibration is not None
    assert found.calibration.meter is EnergySource.RAPL
    assert found.core_watts == pytest.approx(TRUE_WATTS, rel=0.03)
    assert 0.05 <= found.uncertainty_share < machine.profile.uncertainty_share / 2
    each = CORES * WRITE_S * TRUE_WATTS + 0.1 * TRUE_DRAM
    assert found.calibration.decode_joules.first.value == pytest.approx(each, rel=0.05)


@pytest.mark.anyio
async def test_a_slow_meter_is_asked_about_several_runs_at_once(machine: Machine) -> None:
    machine.supply("BAT0", type="Battery", status="Discharging", power_now=22_000_000)  # 6 W idle, two cores of 8 W
    rehearsal = await rehearsed(machine, "battery", seconds=15, block_s=12)
    assert len(rehearsal.blocks) < len(rehearsal.runs)
    assert sum(len(block.runs) for block in rehearsal.blocks) == len(rehearsal.runs)
    found = profiled(machine.profile, rehearsal)
    assert found.calibration is not None
    assert found.calibration.meter is EnergySource.BATTERY
    assert machine.profile.core_watts < found.core_watts < 1.05 * TRUE_WATTS


@pytest.mark.anyio
async def test_idle_power_of_a_battery_that_is_charged_is_not_known(machine: Machine) -> None:
    cell = machine.supply("BAT0", type="Battery", status="Charging", power_now=9_000_000)
    counter = BatteryCounter(machine.profile, sysfs_root=machine.sysfs, monotonic=lambda: machine.now_s)
    assert await idle_watts(counter, MachineClock(machine)) is None
    machine.set(cell, status="Discharging")
    counter = BatteryCounter(machine.profile, sysfs_root=machine.sysfs, monotonic=lambda: machine.now_s)
    assert await idle_watts(counter, MachineClock(machine)) == pytest.approx(9)


@pytest.mark.anyio
async def test_a_small_window_and_a_model_that_writes_nothing(machine: Machine) -> None:
    rehearsal = await rehearsed(machine, context_tokens=128, tokens=1)
    assert all(run.prompt_tokens < 100 and run.written == 0 for run in rehearsal.runs)
    with pytest.raises(ValueError, match="no run wrote a token"):
        profiled(machine.profile, rehearsal)
    with pytest.raises(InferenceFailed, match="lawful wrote nothing"):
        await rehearsed(machine, tokens=0)


@pytest.mark.anyio
async def test_under_a_lowered_clock_times_are_told_at_the_full_one(machine: Machine) -> None:
    rehearsal = await rehearsed(machine)
    full, halved = (profiled(machine.profile, rehearsal, speed=speed).calibration for speed in (1.0, 0.5))
    assert full is not None
    assert halved is not None
    assert halved.decode_ms.after(0).value == pytest.approx(full.decode_ms.after(0).value / 2)
    assert halved.decode_joules == full.decode_joules


STRETCHES = st.builds(Stretch, st.floats(0.1, 1e4), st.floats(1e-3, 10), st.integers(1, 10**10))
RUNS = st.builds(Run, st.integers(8, 2000), st.integers(1, 40), STRETCHES, STRETCHES)
BLOCKS = st.builds(
    Block,
    st.lists(RUNS, min_size=1, max_size=3).map(tuple),
    st.builds(Energy, st.floats(0, 1e3), st.floats(0.1, 100), st.sampled_from(EnergySource)),
)


@given(
    st.lists(RUNS, min_size=1, max_size=12), st.lists(BLOCKS, max_size=4), st.integers(0, 4000), st.integers(0, 4000)
)
def test_joules_never_fall_with_tokens(runs: list[Run], blocks: list[Block], one: int, other: int) -> None:
    prior = Profile.load()
    found = profiled(prior, Rehearsal(runs, blocks))
    known = found.calibration
    assert known is not None
    fewer, more = sorted((one, other))
    for line in (known.prefill_ms, known.decode_ms, known.prefill_joules, known.decode_joules):
        assert 0 < line.first.value <= line.after(fewer).value <= line.after(more).value
    assert 0.05 <= found.uncertainty_share <= prior.uncertainty_share
