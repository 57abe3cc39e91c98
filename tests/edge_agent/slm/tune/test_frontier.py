from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.convert.recipe import Blocks, Format, Rows
from edge_agent.slm.tune.costs import READ_TOKENS, Cost
from edge_agent.slm.tune.divergence import Divergence
from edge_agent.slm.tune.frontier import Trial, frontier, plans, price, worth_a_trial
from edge_agent.slm.tune.target import Target

FORMATS: tuple[Format, ...] = (None, Rows(2), Blocks(8, 32, 4), Rows(1))


def trial(group: str, fmt: Format, seconds: float, kl: float) -> Trial:
    return Trial(group, fmt, Cost(seconds, 0, 0), Divergence(kl, 1.0))


@st.composite
def searches(draw: st.DrawFn) -> list[Trial]:
    """Trials of up to three groups; in each, full precision diverges by nothing."""
    numbers = st.floats(0, 1)
    return [
        trial(group, fmt, draw(numbers), draw(numbers) if fmt else 0)
        for group in "abc"[: draw(st.integers(1, 3))]
        for fmt in FORMATS[: draw(st.integers(1, 4))]
    ]


@given(searches(), st.floats(0, 3))
def test_the_cheapest_plan_within_a_bound_is_the_first_of_the_frontier_that_is(
    trials: list[Trial], bound: float
) -> None:
    every = plans(trials, Target.DECODE)
    within = [plan for plan in frontier(every) if plan.kl <= bound]
    assert within[0].cost == min(plan.cost for plan in every if plan.kl <= bound)


@given(searches())
def test_along_the_frontier_precision_has_its_price(trials: list[Trial]) -> None:
    best = frontier(plans(trials, Target.DECODE))
    assert best[-1].kl == 0
    assert [plan.cost for plan in best] == sorted(plan.cost for plan in best)
    assert [plan.kl for plan in best] == sorted({plan.kl for plan in best}, reverse=True)


def test_plans_add_up_what_groups_do() -> None:
    trials = [trial("a", None, 5, 0), trial("a", Rows(1), 1, 0.1), trial("b", None, 7, 0)]
    assert [(plan.cost, plan.kl) for plan in plans(trials, Target.DECODE)] == [(8, 0.1), (12, 0)]


def test_a_format_that_is_no_cheaper_than_a_finer_one_is_not_worth_a_trial() -> None:
    costs = [(None, 5.0), (Rows(2), 3.0), (Blocks(8, 32, 4), 3.5), (Rows(1), 2.0)]
    assert worth_a_trial([(fmt, Cost(cost, 0, 0)) for fmt, cost in costs], Target.DECODE) == [None, Rows(2), Rows(1)]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (Target.DECODE, 0.002),
        (Target.PREFILL, 0.064 / READ_TOKENS),
        (Target.MEMORY, 7.0),
        (Target.TURN, 512 / READ_TOKENS * 0.064 + 64 * 0.002),
    ],
)
def test_what_a_target_counts(target: Target, wanted: float) -> None:
    assert price(target)(Cost(write_s=0.002, read_s=0.064, bytes=7)) == pytest.approx(wanted)
