"""A stored decision is decided again: the same situation, the same route (law 7), or the difference is named."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.budget import Headroom
from orchestrator.errors import InvalidRequest
from orchestrator.routing.policy import decide
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.replay import Difference, replay
from orchestrator.types import LinkState, Route, Terms
from orchestrator.units import Interval
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION

DECISION = decide(SITUATION, REQUEST, "d")


def stored(**changes: Any) -> dict[str, Any]:
    """A situation as the journal gives it back, with changes."""
    plain: dict[str, Any] = json.loads(json.dumps(replace(SITUATION, **changes).to_dict()))
    return plain


def test_the_same_situation_gives_the_same_decision() -> None:
    again = replay(DECISION, stored())
    assert again.same_end
    assert again.now == DECISION
    assert again.differences == ()


def test_another_route_is_told_with_what_differs() -> None:
    again = replay(DECISION, stored(link=LinkState.DOWN))
    assert not again.same_end
    assert Difference("route", "cloud", "local") in again.differences
    assert Difference("rule", "best_value", "no_link") in again.differences


def test_a_prediction_that_moved_is_named_by_its_route() -> None:
    other = replace(SITUATION.local, quality=Interval(0.1, 0.2, 0.3))
    again = replay(DECISION, stored(local=other))
    assert again.same_end
    assert [difference.field for difference in again.differences if "quality" in difference.field] == ["local quality"]


def test_what_is_refused_now_says_why() -> None:
    empty = Headroom(device_joules=0.0, usd=0.0, cloud_requests=0.0)
    again = replay(DECISION, stored(headroom=empty))
    assert isinstance(again.now, Refusal)
    assert not again.same_end
    assert again.now.error_type == "budget_exhausted"
    assert again.differences == ()


@pytest.mark.parametrize("price", [math.nan, math.inf])
def test_a_price_that_was_no_number_is_kept_and_excluded_again(price: float) -> None:
    assert SITUATION.cloud is not None
    nonsense = replace(SITUATION, cloud=replace(SITUATION.cloud, terms=Terms(2048, price, 1e-6)))
    decision = decide(nonsense, REQUEST, "d")
    assert decision.route is Route.LOCAL
    again = replay(decision, json.loads(json.dumps(nonsense.to_dict())))
    assert again.differences == ()
    assert again.same_end


@pytest.mark.parametrize("damage", [{"prices": None}, {"link": "sideways"}, {"local": {"route": "local"}}])
def test_a_situation_of_another_version_is_refused_by_name(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="decision d cannot be replayed") as refused:
        replay(DECISION, {**stored(), **damage})
    assert refused.value.remedy == "replay it with the version of Edgewise that decided it"
