"""From a rehearsal to the profile of this device and its model.

A token costs `first + slope · c`, where c is the number of tokens before it; attention is what grows. So a prompt of n
tokens takes `start + first·n + slope·n²/2`, and a token of an answer behind c tokens `first + slope·c`. Both are fitted
by least squares to the medians at several lengths.

Joules come from the model of the device, CPU seconds and bytes moved, whose two coefficients are published ones until a
meter says better: what it measured is fitted together with them, each with its own uncertainty. So a few readings of a
coarse meter narrow the published figures, and many good ones replace them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Final

from edge_agent.energy.figure import Figure
from edge_agent.energy.fit import fitted, middle
from edge_agent.energy.profile import Calibration, Profile, TokenLine
from edge_agent.energy.rehearsal import Block, Rehearsal, Run, Stretch
from orchestrator.units import EnergySource

_GB: Final = 1e9
_LEAST_UNCERTAINTY_SHARE: Final = 0.05
"""No fit makes a profile more certain than the counters that it was made with."""


def calibrated(
    prior: Profile,
    rehearsal: Rehearsal,
    *,
    machine: str,
    model: str,
    threads: int,
    load_ms: Sequence[float],
    speed: float,
    now: datetime,
) -> Profile:
    """The profile of this device and this model.

    Args:
        prior: what is known of the device without it: published figures, and its idle power where that was measured.
        rehearsal: what was seen.
        machine, model, threads: what it holds for.
        load_ms: how long loading the model took, each time.
        speed: share of its full clock that the processor was allowed meanwhile. Times are told at the full clock.
        now: goes into the profile.

    Raises:
        ValueError: there were too few runs to fit anything.
    """
    measured = [block for block in rehearsal.blocks if block.energy.source is not EnergySource.MODELLED]
    device = _device(prior, measured)

    def joules(stretch: Stretch) -> float:
        return device.core_watts * stretch.cpu_s + device.dram_joules_per_gb * stretch.n_bytes / _GB

    start, prefill = _prefill(rehearsal.runs, lambda stretch: stretch.ms * speed)
    _, prefill_joules = _prefill(rehearsal.runs, joules)
    return device.model_copy(
        update={
            "calibration": Calibration(
                taken_at=now,
                machine=machine,
                model=model,
                threads=threads,
                meter=measured[0].energy.source if measured else EnergySource.MODELLED,
                runs=len(rehearsal.runs),
                load_ms=middle([took * speed for took in load_ms]),
                start_ms=start,
                prefill_ms=prefill,
                decode_ms=_decode(rehearsal.runs, lambda stretch: stretch.ms * speed),
                prefill_joules=prefill_joules,
                decode_joules=_decode(rehearsal.runs, joules),
            ),
        }
    )


def _device(prior: Profile, measured: Sequence[Block]) -> Profile:
    """The coefficients of the device's model, as what was measured moves them."""
    if not measured:
        return prior
    share = prior.uncertainty_share
    known = [Figure(each, each * share) for each in (prior.core_watts, prior.dram_joules_per_gb)]
    rows = [_work(block.runs) for block in measured]
    core, dram = fitted(
        rows,
        [block.energy.joules for block in measured],
        [max(block.energy.uncertainty_joules, 1e-3) for block in measured],
        known=known,
    )
    cpu_s, gigabytes = (sum(column) for column in zip(*rows, strict=True))
    joules = core.value * cpu_s + dram.value * gigabytes
    spread = math.hypot(core.uncertainty * cpu_s, dram.uncertainty * gigabytes)
    certain = max(_LEAST_UNCERTAINTY_SHARE, min(share, spread / joules)) if joules else share
    return prior.model_copy(
        update={"core_watts": core.value, "dram_joules_per_gb": dram.value, "uncertainty_share": certain}
    )


def _work(runs: Iterable[Run]) -> tuple[float, float]:
    """CPU seconds and gigabytes moved."""
    stretches = [stretch for run in runs for stretch in (run.prefill, run.decode)]
    return sum(stretch.cpu_s for stretch in stretches), sum(stretch.n_bytes for stretch in stretches) / _GB


def _prefill(runs: Sequence[Run], cost: Callable[[Stretch], float]) -> tuple[Figure, TokenLine]:
    """What reading takes before the first token, and for each."""
    groups = _by_length([(run.prompt_tokens, cost(run.prefill)) for run in runs])
    rows = [(1.0, tokens, tokens**2 / 2) for tokens in groups]
    start, first, slope = _through(rows, [middle(values) for values in groups.values()], order=(1, 0, 2))
    return start, TokenLine(first=first, slope=slope, spread_share=_scatter(groups.values()))


def _decode(runs: Sequence[Run], cost: Callable[[Stretch], float]) -> TokenLine:
    """What a token of an answer takes, by how much stands before it."""
    groups = _by_length(
        [(run.prompt_tokens + run.written // 2, cost(run.decode) / run.written) for run in runs if run.written]
    )
    rows = [(1.0, context) for context in groups]
    first, slope = _through(rows, [middle(values) for values in groups.values()], order=(0, 1))
    return TokenLine(first=first, slope=slope, spread_share=_scatter(groups.values()))


def _by_length(costs: Sequence[tuple[int, float]]) -> dict[float, list[float]]:
    """Costs by length. Lengths that differ by a few tokens (a prompt's number has a digit more) are one."""
    groups: list[list[tuple[int, float]]] = []
    for tokens, cost in sorted(costs):
        if groups and tokens - groups[-1][0][0] <= max(4, 0.05 * tokens):
            groups[-1].append((tokens, cost))
        else:
            groups.append([(tokens, cost)])
    return {median(tokens for tokens, _ in group): [cost for _, cost in group] for group in groups}


def _through(
    rows: Sequence[tuple[float, ...]], middles: Sequence[Figure], *, order: tuple[int, ...]
) -> tuple[Figure, ...]:
    """The coefficients, as many as there are lengths for, the first in `order` before the others; the rest is zero.

    Raises:
        ValueError: there is no length at all.
    """
    if not rows:
        raise ValueError("no run wrote a token")
    by_column: dict[int, Figure] = {}
    for width in range(min(len(order), len(rows)), 0, -1):
        kept = sorted(order[:width])
        found = fitted(
            [[row[column] for column in kept] for row in rows],
            [figure.value for figure in middles],
            [max(figure.uncertainty, 1e-12) for figure in middles],
        )
        by_column = dict(zip(kept, found, strict=True))
        if by_column[order[0]].value > 0:  # every token takes something: a slope that says otherwise is noise
            break
    return tuple(by_column.get(column, Figure(0.0, 0.0)) for column in range(len(order)))


def _scatter(groups: Iterable[Sequence[float]]) -> float:
    """How far single runs lie from the median of their length, as a share: the median of those shares, to a sigma."""
    shares = [abs(value / centre - 1) for group in groups if (centre := median(group)) > 0 for value in group]
    return 1.4826 * median(shares) if shares else 0.0
