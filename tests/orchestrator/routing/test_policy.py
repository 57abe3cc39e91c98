"""The laws of the decision: hard rules before budgets, budgets before value, and the same situation, the same route."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import BatteryFloor, Below, Headroom, PowerState, Resource, Room
from orchestrator.effort.forecast import trials
from orchestrator.effort.strategy import EffortRules
from orchestrator.errors import BudgetExhausted, ConfigError, ContextWindowExceeded, EdgewiseError
from orchestrator.privacy.rules import Action, EgressRules
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.policy import contenders, decide, judge
from orchestrator.routing.promise import Pledge, Promise
from orchestrator.routing.quality import Evidence
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.types import (
    Budget,
    Effort,
    LinkState,
    Message,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
    Terms,
)
from orchestrator.units import Interval

REQUEST = Request(id="r", messages=(Message("user", "a question"),))
FREE = Headroom(device_joules=None, usd=None, cloud_requests=None)
MONDAY = datetime(2026, 1, 12, tzinfo=UTC)


def estimate(
    route: Route, *, quality: float = 0.5, prompt_tokens: int = 50, context_tokens: int = 2048
) -> RouteEstimate:
    prices = (0.0, 0.0) if route is Route.LOCAL else (1e-6, 2e-6)
    return RouteEstimate.of(
        route,
        CostHistory().of(route),
        terms=Terms(context_tokens, *prices),
        prompt_tokens=prompt_tokens,
        quality=Interval(quality * 0.8, quality, min(1.0, quality * 1.2)),
    )


SITUATION = Situation(
    preference=RoutePreference.AUTO,
    local_only=False,
    budget=Budget(),
    max_tokens=256,
    conversation_label=Sensitivity.PUBLIC,
    evidence=(),
    link=LinkState.UP,
    headroom=FREE,
    prices=Prices(),
    local=estimate(Route.LOCAL, quality=0.3),
    cloud=estimate(Route.CLOUD, quality=0.9),
)


def test_the_better_value_is_chosen() -> None:
    assert decide(SITUATION, REQUEST, "d").route is Route.CLOUD
    equal = replace(SITUATION, local=estimate(Route.LOCAL, quality=0.9))
    assert decide(equal, REQUEST, "d").route is Route.LOCAL


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"local_only": True}, "local_only"),
        ({"evidence": (Evidence(12, Sensitivity.PRIVATE, 0.5),)}, "private_record"),
        ({"conversation_label": Sensitivity.PRIVATE}, "private_conversation"),
        ({"structured": True}, "structured"),
        ({"structured": True, "link": LinkState.DOWN, "cloud": None}, "structured"),
        ({"link": LinkState.DOWN}, "no_link"),
        ({"link": LinkState.NONE, "cloud": None}, "no_cloud"),
        ({"cloud": None}, "kept_question"),
        ({"cloud": estimate(Route.CLOUD, prompt_tokens=2040)}, "context_length"),
        ({"budget": Budget(first_token_ms=250)}, "first_token_budget"),
        ({"budget": Budget(usd=0.00001)}, "budget"),
        ({"headroom": replace(FREE, cloud_requests=0.0)}, "window"),
        ({"preference": RoutePreference.LOCAL}, "asked"),
    ],
)
@pytest.mark.parametrize("preference", [RoutePreference.AUTO, RoutePreference.CLOUD])
def test_each_rule_keeps_the_question_at_home(
    change: dict[str, object], rule: str, preference: RoutePreference
) -> None:
    decision = decide(replace(SITUATION, **{"preference": preference, **change}), REQUEST, "d")  # type: ignore[arg-type]
    assert (decision.route, decision.rule) == (Route.LOCAL, rule)
    assert decision.reason == decision.excluded["cloud"]


def test_a_private_record_is_named() -> None:
    evidence = (Evidence(7, Sensitivity.PERSONAL, 0.9), Evidence(12, Sensitivity.PRIVATE, 0.4))
    decision = decide(replace(SITUATION, evidence=evidence), REQUEST, "d")
    assert decision.reason == "private record 12 is needed: stays on the device"


def test_a_prompt_too_long_for_the_device_goes_to_the_cloud() -> None:
    long = replace(SITUATION, local=estimate(Route.LOCAL, prompt_tokens=2040))
    assert decide(long, REQUEST, "d").rule == "context_length"
    with pytest.raises(ContextWindowExceeded, match="2040 tokens"):
        decide(replace(long, local_only=True), REQUEST, "d")


def test_a_rolling_model_has_room_for_any_answer_behind_a_prompt_that_fits() -> None:
    tight = estimate(Route.LOCAL, prompt_tokens=2000)
    rolling = replace(tight, terms=replace(tight.terms, rolling=True))
    asked = replace(SITUATION, local_only=True, max_tokens=4000)
    assert decide(replace(asked, local=tight), REQUEST, "d").max_tokens == 48
    assert decide(replace(asked, local=rolling), REQUEST, "d").max_tokens == 4000
    with pytest.raises(ContextWindowExceeded):
        decide(replace(asked, local=replace(rolling, prompt_tokens=2048)), REQUEST, "d")


def test_a_route_with_a_price_that_is_no_number_is_not_taken() -> None:
    assert SITUATION.cloud is not None
    nonsense = replace(SITUATION.cloud, terms=Terms(2048, math.nan, 1e-6))
    decision = decide(replace(SITUATION, cloud=nonsense), REQUEST, "d")
    assert (decision.route, decision.rule) == (Route.LOCAL, "no_estimate")
    assert [prediction.route for prediction in decision.predictions] == [Route.LOCAL]
    with pytest.raises(BudgetExhausted, match="a figure of it is not a number"):
        decide(replace(SITUATION, cloud=nonsense, headroom=replace(FREE, device_joules=0.0)), REQUEST, "d")


def test_a_dollar_that_runs_short_keeps_at_home_what_gains_little() -> None:
    dear = replace(SITUATION, prices=Prices(dollar_usd=1000))
    assert decide(dear, REQUEST, "d").route is Route.LOCAL


def test_contenders_are_the_routes_that_rules_and_wishes_allow() -> None:
    def routes(**change: Any) -> list[Route]:
        return [prediction.route for prediction in contenders(replace(SITUATION, **change))]

    assert routes(headroom=replace(FREE, usd=0.0)) == [Route.LOCAL, Route.CLOUD]
    assert routes(local_only=True) == routes(preference=RoutePreference.LOCAL) == [Route.LOCAL]
    assert routes(preference=RoutePreference.CLOUD) == [Route.CLOUD]
    assert routes(preference=RoutePreference.CLOUD, link=LinkState.DOWN) == [Route.LOCAL]


def test_a_first_token_that_may_come_in_time_is_tried_and_one_that_cannot_is_refused() -> None:
    local = replace(SITUATION, link=LinkState.NONE, cloud=None)
    expected = local.local.first_token_ms.expected
    decision = decide(replace(local, budget=Budget(first_token_ms=expected - 1)), REQUEST, "d")
    assert (decision.route, decision.rule) == (Route.LOCAL, "first_token_budget")
    assert "tried all the same" in decision.reason
    assert "local" not in decision.excluded
    with pytest.raises(BudgetExhausted, match="are allowed"):
        decide(replace(local, budget=Budget(first_token_ms=expected / 3)), REQUEST, "d")


def test_a_budget_shortens_the_answer_before_it_refuses() -> None:
    local = replace(SITUATION, preference=RoutePreference.LOCAL)
    whole = decide(local, REQUEST, "d")
    short = decide(replace(local, budget=Budget(device_joules=whole.worst_case.device_joules / 2)), REQUEST, "d")
    assert 16 <= short.max_tokens < whole.max_tokens
    assert short.worst_case.device_joules <= whole.worst_case.device_joules / 2


def pledge(promise: Promise, *, uplift: float, drifted: bool = False) -> Pledge:
    return Pledge(promise=promise, threshold=0.1, calibration="c", uplift=uplift, drifted=drifted)


WORSE, LEAVING = Promise(at_most_worse=0.02), Promise(at_most_leaving=0.3)
EVEN = replace(SITUATION, local=estimate(Route.LOCAL, quality=0.9))
"""Here the device has the better value, as the cloud has in `SITUATION`."""


@pytest.mark.parametrize(
    ("situation", "kept", "route"),
    [
        (EVEN, pledge(WORSE, uplift=0.2), Route.CLOUD),
        (EVEN, pledge(WORSE, uplift=0.0, drifted=True), Route.CLOUD),
        (SITUATION, pledge(LEAVING, uplift=0.0), Route.LOCAL),
        (SITUATION, pledge(LEAVING, uplift=0.2, drifted=True), Route.LOCAL),
    ],
)
def test_a_promise_comes_before_value(situation: Situation, kept: Pledge, route: Route) -> None:
    decision = decide(replace(situation, pledge=kept), REQUEST, "d")
    assert (decision.route, decision.rule, decision.reason) == (route, "promise", kept.reason)


@pytest.mark.parametrize("kept", [pledge(WORSE, uplift=0.0), pledge(LEAVING, uplift=0.2)])
def test_where_a_promise_holds_either_way_value_decides(kept: Pledge) -> None:
    for situation, route in ((SITUATION, Route.CLOUD), (EVEN, Route.LOCAL)):
        decision = decide(replace(situation, pledge=kept), REQUEST, "d")
        assert (decision.route, decision.rule) == (route, "best_value")


def test_hard_rules_wishes_and_budgets_come_before_a_promise() -> None:
    kept = replace(EVEN, pledge=pledge(WORSE, uplift=0.9))
    assert decide(replace(kept, local_only=True), REQUEST, "d").rule == "local_only"
    assert decide(replace(kept, preference=RoutePreference.LOCAL), REQUEST, "d").rule == "asked"
    assert decide(replace(kept, headroom=replace(FREE, cloud_requests=0.0)), REQUEST, "d").rule == "window"
    stay = replace(SITUATION, pledge=pledge(LEAVING, uplift=0.0), local=estimate(Route.LOCAL, prompt_tokens=2040))
    assert decide(stay, REQUEST, "d").route is Route.CLOUD, "an answer is worth more than a promise"


def test_a_promise_about_the_cloud_alone_says_nothing_of_records_that_stay_at_home() -> None:
    evidence = (Evidence(7, Sensitivity.PERSONAL, 0.9),)
    worse = replace(EVEN, evidence=evidence, pledge=pledge(WORSE, uplift=0.9))
    assert decide(worse, REQUEST, "d").rule == "best_value"
    leaving = replace(SITUATION, evidence=evidence, pledge=pledge(LEAVING, uplift=0.0))
    assert decide(leaving, REQUEST, "d").rule == "promise"


LOW = {"power": PowerState(charge=0.14, plugged_in=False), "floor": BatteryFloor(0.2)}


def test_below_the_floor_the_thriftiest_route_answers_in_few_words() -> None:
    easy: dict[str, Any] = {"local": estimate(Route.LOCAL, quality=0.95)}
    low = decide(replace(SITUATION, **easy, **LOW), REQUEST, "d")  # type: ignore[arg-type]
    assert (low.route, low.rule, low.max_tokens) == (Route.CLOUD, "battery", 64)
    assert low.reason.startswith("the battery is at 14%, below its floor of 20%: the cloud takes")
    home = decide(replace(SITUATION, **LOW, local_only=True), REQUEST, "d")  # type: ignore[arg-type]
    assert (home.route, home.rule, home.max_tokens) == (Route.LOCAL, "local_only", 64)
    formed = decide(replace(SITUATION, **LOW, structured=True), REQUEST, "d")  # type: ignore[arg-type]
    assert formed.max_tokens == SITUATION.max_tokens


def test_below_a_floor_for_nothing_every_route_is_refused() -> None:
    shut = replace(SITUATION, power=LOW["power"], floor=BatteryFloor(0.2, Below.NOTHING))  # type: ignore[arg-type]
    with pytest.raises(BudgetExhausted, match="nothing is to be spent") as caught:
        decide(shut, REQUEST, "d")
    assert caught.value.remedy == "plug the device in, or lower the battery's floor"
    assert decide(replace(shut, unknown=True), REQUEST, "d").rule == "unknown", "no model is asked for that"


@pytest.mark.parametrize(
    "power", [None, PowerState(charge=0.05, plugged_in=True), PowerState(charge=0.2, plugged_in=False)]
)
def test_above_the_floor_plugged_in_or_without_a_battery_nothing_changes(power: PowerState | None) -> None:
    assert decide(replace(SITUATION, power=power, floor=BatteryFloor(0.2)), REQUEST, "d") == decide(
        SITUATION, REQUEST, "d"
    )


def test_a_floor_is_a_share() -> None:
    with pytest.raises(ConfigError, match="share of 0 to 1"):
        BatteryFloor(20)


@pytest.mark.parametrize("usd", [0.0003, 0.000318])
def test_what_is_left_to_the_last_cent_is_never_passed_by_a_rounding(usd: float) -> None:
    """The quotient of these round prices is rounded up to a token too many, which no ledger would hold."""
    left = replace(SITUATION, headroom=replace(FREE, usd=usd))
    assert decide(left, REQUEST, "d").worst_case.usd <= usd


def test_what_others_took_each_time_is_refused_and_what_no_window_limits_is_not() -> None:
    energy = Room(window="energy", resource=Resource.DEVICE_JOULES, left=900, limit=900, reopens_at=MONDAY)
    money = replace(energy, window="money", resource=Resource.USD)
    outrun = replace(SITUATION, outrun=True, headroom=replace(FREE, rooms=(energy,)))
    with pytest.raises(BudgetExhausted, match="other questions took") as caught:
        decide(outrun, REQUEST, "d")
    assert (caught.value.reopens_at, caught.value.remedy[:9]) == (None, "ask again")
    home = decide(replace(outrun, headroom=replace(FREE, rooms=(money,))), REQUEST, "d")
    assert (home.route, home.rule) == (Route.LOCAL, "outrun")


def test_a_refusal_has_what_each_route_would_have_done_and_the_rule_that_excluded_it() -> None:
    room = Room(window="energy", resource=Resource.DEVICE_JOULES, left=0, limit=900, reopens_at=MONDAY)
    empty = replace(FREE, device_joules=0.0, rooms=(room,))
    refused = judge(replace(SITUATION, headroom=empty, link=LinkState.DOWN), REQUEST, "d")
    assert isinstance(refused, Refusal)
    assert {route: rule for route, (rule, _) in refused.excluded.items()} == {"cloud": "no_link", "local": "budget"}
    assert [prediction.route for prediction in refused.predictions] == [Route.LOCAL, Route.CLOUD]
    assert refused.reopens_at == MONDAY
    assert (refused.id, refused.request_id, refused.error_type) == ("d", "r", refused.error.type)


def estimates(route: Route) -> st.SearchStrategy[RouteEstimate]:
    return st.builds(estimate, st.just(route), quality=shares, prompt_tokens=st.integers(1, 2100))


shares = st.floats(0, 1)
limits = st.none() | st.floats(0, 1000)
rooms = st.builds(
    Room,
    window=st.sampled_from(["hour", "day"]),
    resource=st.sampled_from(Resource),
    left=st.floats(0, 100),
    limit=st.floats(0, 1000),
    reopens_at=st.integers(0, 604_800).map(lambda seconds: MONDAY + timedelta(seconds=seconds)),
)
plain_situations = st.builds(
    Situation,
    preference=st.sampled_from(RoutePreference),
    local_only=st.booleans(),
    budget=st.builds(
        Budget, first_token_ms=limits, total_ms=limits, device_joules=limits, usd=st.none() | st.floats(0, 0.01)
    ),
    max_tokens=st.integers(1, 2000),
    conversation_label=st.sampled_from(Sensitivity),
    evidence=st.lists(
        st.builds(Evidence, st.integers(1, 99), st.sampled_from(Sensitivity), st.floats(0, 1)), max_size=4
    ).map(tuple),
    link=st.sampled_from(LinkState),
    headroom=st.builds(
        Headroom,
        device_joules=limits,
        usd=st.none() | st.floats(0, 0.01),
        cloud_requests=limits,
        rooms=st.lists(rooms, max_size=2).map(tuple),
    ),
    outrun=st.booleans(),
    prices=st.just(Prices()),
    local=estimates(Route.LOCAL),
    cloud=st.none() | estimates(Route.CLOUD),
    question_label=st.sampled_from(Sensitivity),
    rules=st.builds(EgressRules, personal=st.sampled_from(Action), public=st.sampled_from(Action)),
    structured=st.booleans(),
    unknown=st.booleans(),
    lesson=st.none()
    | st.builds(Lesson, context=st.just(()), basis=st.just(""), local=shares, cloud=shares, say=shares),
    power=st.none() | st.builds(PowerState, charge=st.floats(0, 1), plugged_in=st.booleans()),
    floor=st.builds(BatteryFloor, st.floats(0, 1), st.sampled_from(Below)),
    pledge=st.none()
    | st.builds(pledge, st.sampled_from([WORSE, LEAVING]), uplift=st.floats(-1, 1), drifted=st.booleans()),
)


def tried(situation: Situation, rules: EffortRules, effort: Effort | None, general: RouteEstimate | None) -> Situation:
    """With the strategies that the planner would bring."""
    if situation.question_label is Sensitivity.PRIVATE or situation.link is not LinkState.UP:
        general = None
    found = trials(rules, replace(REQUEST, effort=effort), situation.local, situation.cloud, general)
    return replace(situation, effort=effort, trials=found, general=general)


situations = st.builds(
    tried,
    plain_situations,
    st.builds(
        EffortRules,
        strategies=st.lists(st.sampled_from(list(Effort)[1:]), unique=True).map(tuple),
        samples=st.integers(1, 8),
    ),
    effort=st.none() | st.sampled_from(Effort),
    general=st.none() | estimates(Route.CLOUD),
)


@given(situations)
def test_private_never_leaves_and_no_budget_is_passed(situation: Situation) -> None:
    try:
        decision = decide(situation, REQUEST, "d")
    except EdgewiseError:
        return
    labels = [item.sensitivity for item in situation.evidence]
    labels += [situation.conversation_label, situation.question_label]
    if Sensitivity.PRIVATE in labels or situation.local_only:
        assert decision.route is Route.LOCAL
    leaves = decision.route is Route.CLOUD or decision.effort is Effort.CONSULT
    if situation.local_only or situation.question_label is Sensitivity.PRIVATE:
        assert not leaves
    assert decision.worst_case.cloud_requests == leaves
    assert not (leaves and situation.headroom.cloud_requests is not None and situation.headroom.cloud_requests < 1)
    for limit, worst in (
        (situation.budget.device_joules, decision.worst_case.device_joules),
        (situation.headroom.device_joules, decision.worst_case.device_joules),
        (situation.budget.usd, decision.worst_case.usd),
        (situation.headroom.usd, decision.worst_case.usd),
    ):
        assert limit is None or worst <= limit
    assert 1 <= decision.max_tokens <= situation.max_tokens


@given(situations)
def test_a_stored_situation_replays_to_the_same_end(situation: Situation) -> None:
    plain = json.loads(json.dumps(situation.to_dict()))
    assert judge(Situation.from_dict(plain), REQUEST, "d") == judge(situation, REQUEST, "d")
