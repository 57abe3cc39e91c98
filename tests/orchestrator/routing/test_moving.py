"""When a shown answer moves: at the last moment at which the cloud can still finish it, where that is worth it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import BatteryFloor, PowerState
from orchestrator.moves import Cause, MoveRules, Standing
from orchestrator.routing.moving import is_calm, judge_move
from orchestrator.routing.value import Prices
from orchestrator.types import Route
from orchestrator.units import Interval
from tests.orchestrator.routing.test_policy import SITUATION, estimate

HERE = replace(
    SITUATION,
    max_tokens=256,
    local=replace(estimate(Route.LOCAL, quality=0.8), answer_tokens=Interval(20, 60, 100)),
)
FINE = Standing(
    rules=MoveRules(),
    written=20,
    limit=256,
    token_ms=20,
    token_joules=0.1,
    left_ms=None,
    joules=None,
    usd=None,
    cloud_requests=None,
    logprob=-0.4,
)


def cause(**changes: Any) -> Cause | None:
    move = judge_move(HERE, replace(FINE, **changes))
    return move.cause if move else None


def test_an_answer_that_will_be_finished_stays_and_nobody_asks_the_windows() -> None:
    assert cause() is None
    assert is_calm(HERE, FINE)
    assert not is_calm(HERE, replace(FINE, joules=1.0))


@pytest.mark.parametrize(
    ("left_ms", "moved"),
    [(60_000, False), (10_000, False), (4_000, True), (500, False)],
    ids=["enough", "not yet", "now", "too late for the cloud, too"],
)
def test_a_late_answer_moves_while_the_cloud_can_finish_it_in_time(left_ms: float, moved: bool) -> None:
    assert cause(token_ms=400, left_ms=left_ms) is (Cause.DEADLINE if moved else None)


@pytest.mark.parametrize(("joules", "moved"), [(9.0, False), (3.0, False), (1.2, True), (0.1, False)])
def test_a_hungry_answer_moves_while_there_are_joules_to_ask(joules: float, moved: bool) -> None:
    assert cause(joules=joules) is (Cause.JOULES if moved else None)


@pytest.mark.parametrize(("limit", "moved"), [(60, False), (30, False), (24, True)])
def test_an_answer_moves_when_its_tokens_are_used_up(limit: int, moved: bool) -> None:
    assert cause(limit=limit) is (Cause.LIMIT if moved else None)


def test_on_a_low_battery_an_answer_is_meant_to_be_brief() -> None:
    low = replace(HERE, power=PowerState(charge=0.1, plugged_in=False), floor=BatteryFloor(0.2))
    assert judge_move(low, replace(FINE, limit=24)) is None


@pytest.mark.parametrize("changes", [{"usd": 0.0}, {"cloud_requests": 0.0}, {"rules": MoveRules(unfinished=False)}])
def test_an_answer_stays_where_the_cloud_is_not_to_be_had_or_asked(changes: dict[str, Any]) -> None:
    assert cause(limit=24, **changes) is None


def test_an_answer_stays_where_leaving_costs_more_than_the_rest_is_worth() -> None:
    dear = replace(HERE, prices=Prices(leave_usd=0.01))
    assert judge_move(dear, replace(FINE, limit=24)) is None
    doubtful = replace(HERE, local=replace(HERE.local, quality=Interval.exactly(0.1)))
    assert judge_move(doubtful, replace(FINE, limit=24)) is None


def test_a_floor_for_the_latest_tokens_moves_an_answer_at_once() -> None:
    floor = MoveRules(unfinished=False, least_logprob=-1.0)
    assert [cause(rules=floor, logprob=logprob) for logprob in (-1.5, -0.5, None)] == [Cause.CONFIDENCE, None, None]
    assert cause(rules=floor, logprob=-1.5, usd=0.0) is None


@given(
    standing=st.builds(
        Standing,
        rules=st.builds(MoveRules, unfinished=st.booleans(), least_logprob=st.none() | st.floats(-5, 0)),
        written=st.integers(0, 300),
        limit=st.integers(1, 300),
        token_ms=st.floats(0, 1000),
        token_joules=st.floats(0, 10),
        left_ms=st.none() | st.floats(0, 1e5),
        joules=st.none() | st.floats(-1, 100),
        usd=st.none() | st.floats(0, 0.01),
        cloud_requests=st.none() | st.floats(0, 3),
        logprob=st.none() | st.floats(-9, 0),
    )
)
def test_a_move_fits_what_is_left(standing: Standing) -> None:
    move = judge_move(HERE, standing)
    assert judge_move(HERE, standing) == move
    if move is None:
        return
    assert HERE.cloud is not None
    worst = HERE.cloud.behind(standing.written).worst_case(move.max_tokens)
    assert standing.usd is None or worst.usd <= standing.usd
    assert standing.joules is None or worst.device_joules <= standing.joules
    assert 0 < move.max_tokens <= HERE.max_tokens - standing.written
    assert str(move).startswith(f"after {standing.written} tokens ")
