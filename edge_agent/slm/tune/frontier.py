"""Which formats to combine: the cheapest whose divergences stay within a bound, and all that are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from edge_agent.slm.convert.recipe import Format
from edge_agent.slm.tune.costs import READ_TOKENS, Cost
from edge_agent.slm.tune.divergence import Divergence
from edge_agent.slm.tune.target import TURN_READ, TURN_WRITTEN, Target


@dataclass(frozen=True, slots=True)
class Trial:
    """One format of one group: what it costs in all layers together, and what it alone does to the answers."""

    group: str
    fmt: Format
    cost: Cost
    divergence: Divergence


@dataclass(frozen=True, slots=True)
class Plan:
    """A format for each group.

    Attributes:
        formats: by group.
        kl: the sum of what each group's format does alone, in nats: an estimate.
        cost: seconds of the target's products, or bytes.
    """

    formats: Mapping[str, Format]
    kl: float
    cost: float


def price(target: Target) -> Callable[[Cost], float]:
    """What is summed up for a target: seconds, or bytes."""
    return {
        Target.TURN: lambda cost: TURN_READ / READ_TOKENS * cost.read_s + TURN_WRITTEN * cost.write_s,
        Target.DECODE: lambda cost: cost.write_s,
        Target.PREFILL: lambda cost: cost.read_s / READ_TOKENS,
        Target.MEMORY: lambda cost: float(cost.bytes),
    }[target]


def worth_a_trial(candidates: Sequence[tuple[Format, Cost]], target: Target) -> list[Format]:
    """Of a group's formats, the finest first, those that are cheaper than every finer one."""
    worth: list[Format] = []
    least = float("inf")
    for fmt, cost in candidates:
        if (asked := price(target)(cost)) < least:
            worth.append(fmt)
            least = asked
    return worth


def plans(trials: Sequence[Trial], target: Target) -> list[Plan]:
    """Every combination, the cheapest first."""
    asked = price(target)
    by_group: dict[str, list[Trial]] = {}
    for trial in trials:
        by_group.setdefault(trial.group, []).append(trial)
    found = [
        Plan(
            {trial.group: trial.fmt for trial in combination},
            sum(trial.divergence.kl for trial in combination),
            sum(asked(trial.cost) for trial in combination),
        )
        for combination in product(*by_group.values())
    ]
    return sorted(found, key=lambda plan: (plan.cost, plan.kl))


def frontier(plans: Sequence[Plan]) -> list[Plan]:
    """Of plans in order of cost, those that no other beats in both cost and divergence."""
    best: list[Plan] = []
    for plan in plans:
        if not best or plan.kl < best[-1].kl:
            best.append(plan)
    return best
