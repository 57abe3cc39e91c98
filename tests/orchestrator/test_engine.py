"""The way of a request through the engine: every route, every fault, one answer or one error, settled once."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window
from orchestrator.errors import (
    BudgetExhausted,
    CloudTruncated,
    CloudUnavailable,
    EdgewiseError,
    InferenceFailed,
    InvalidRequest,
)
from orchestrator.patience import Patience
from orchestrator.testing import UNSURE, Script
from orchestrator.types import (
    Budget,
    FinishReason,
    Message,
    Recollection,
    Request,
    Route,
    RoutePreference,
    Sampling,
    Sensitivity,
)
from tests.orchestrator.world import EASY, HARD, PRICED, World, hit


def test_an_easy_question_stays_on_the_device() -> None:
    world = World()
    answer = world.ask(EASY)
    assert (answer.route, answer.text, answer.usd) == (Route.LOCAL, "honey, mostly", 0.0)
    assert not answer.egress.sent
    assert world.cloud.asked == []
    assert world.witness.answers == [answer]


def test_a_hard_question_goes_to_the_cloud_and_is_billed() -> None:
    world = World()
    answer = world.ask(HARD)
    assert (answer.route, answer.text, answer.usd) == (Route.CLOUD, "from the cloud", 0.0001)
    assert answer.egress.sent
    assert world.local.asked == []


@pytest.mark.parametrize("preference", list(RoutePreference))
def test_a_private_record_never_leaves_and_not_even_the_link_is_touched(preference: RoutePreference) -> None:
    world = World(records=[hit(Sensitivity.PRIVATE)])
    answer = world.ask(HARD, route=preference)
    assert answer.route is Route.LOCAL
    assert world.cloud.contacts == 0
    assert world.cloud.asked == []
    assert answer.egress.record_ids == answer.record_ids == (12,)
    assert not answer.egress.sent
    assert answer.sensitivity is Sensitivity.PRIVATE
    assert answer.reason == "private record 12 is needed: stays on the device"


def test_a_personal_record_is_withheld_from_the_cloud() -> None:
    world = World(records=[hit(Sensitivity.PERSONAL)])
    answer = world.ask(HARD, route=RoutePreference.CLOUD)
    assert answer.route is Route.CLOUD
    assert answer.egress.record_ids == ()
    assert "Dentist" not in str(world.cloud.asked[0].messages)


def test_a_public_record_goes_along() -> None:
    world = World(records=[hit(Sensitivity.PUBLIC)])
    answer = world.ask(HARD, route=RoutePreference.CLOUD)
    assert answer.egress.record_ids == (12,)
    assert "Tuesday at 9:30" in world.cloud.asked[0].messages[-1].text


def test_a_personal_turn_is_left_out_of_what_the_cloud_sees() -> None:
    world = World()
    earlier = (
        Message("user", "my salary?", Sensitivity.PERSONAL),
        Message("assistant", "50,000", Sensitivity.PERSONAL),
    )
    request = Request(id="r", messages=(*earlier, Message("user", HARD)), route=RoutePreference.CLOUD)

    async def run() -> None:
        async for _ in world.engine.run(request):
            pass

    asyncio.run(run())
    assert "salary" not in str(world.cloud.asked[0].messages)
    assert "50,000" not in str(world.cloud.asked[0].messages)


def test_what_only_the_records_could_tell_is_asked_of_no_model() -> None:
    world = World(recollection=Recollection((hit(Sensitivity.PRIVATE),), confidence=0.1, personal=True))
    said = {(a.text, a.sensitivity, a.record_ids, a.usage.completion_tokens) for a in map(world.ask, (HARD, HARD))}
    assert said == {("Perhaps: Dentist: Tuesday at 9:30", Sensitivity.PRIVATE, (12,), 0)}
    assert (world.local.asked, world.cloud.contacts) == ([], 0)
    first, second = world.witness.decisions
    assert (first.rule, first.predictions) == ("unknown", second.predictions), "nothing was learnt of a model"


def test_local_only_does_not_touch_the_link() -> None:
    world = World()
    answer = world.ask(HARD, local_only=True)
    assert answer.route is Route.LOCAL
    assert world.cloud.contacts == 0
    assert "local-only" in answer.reason


def test_local_only_and_cloud_contradict_each_other() -> None:
    with pytest.raises(InvalidRequest, match="contradict"):
        World().ask(EASY, local_only=True, route=RoutePreference.CLOUD)


def test_an_unsure_answer_moves_to_the_cloud_before_anything_was_shown() -> None:
    world = World(local=Script(pieces=["maybe "] * 40, scores=[UNSURE] * 40))
    answer = world.ask(EASY)
    assert answer.text == "from the cloud"
    assert answer.route is Route.HANDOFF
    assert world.local.abandoned == 1
    assert "after 12 tokens" in answer.reason


def test_an_unsure_answer_stays_when_records_must_stay() -> None:
    world = World(local=Script(pieces=["maybe "] * 20, scores=[UNSURE] * 20), records=[hit(Sensitivity.PERSONAL)])
    assert world.ask(EASY).route is Route.LOCAL


def test_an_unsure_answer_whose_cloud_is_lost_goes_on_from_its_held_words() -> None:
    world = World(
        local=Script(pieces=["maybe "] * 40, scores=[UNSURE] * 40),
        cloud=Script(pieces=[], fault=CloudUnavailable("gone")),
    )
    answer = world.ask(EASY)
    assert answer.route is Route.LOCAL
    assert world.local.asked[1].prefix == "maybe " * 12
    assert answer.text.startswith("maybe " * 12)


def test_a_cloud_that_dies_in_mid_answer_is_continued_at_home() -> None:
    world = World(
        local=Script(pieces=["and ", "home"]),
        cloud=Script(pieces=["half ", "way ", "never"], fault=CloudTruncated("cut"), fault_after=2),
    )
    answer = world.ask(HARD)
    assert answer.text == "half way and home"
    assert answer.route is Route.HANDOFF
    assert world.local.asked[0].prefix == "half way "
    assert "in mid-answer" in answer.reason
    assert answer.usd > 0


@pytest.mark.parametrize("route", [RoutePreference.LOCAL, RoutePreference.CLOUD])
def test_an_answer_goes_on_behind_the_callers_own_beginning_and_holds_only_what_is_new(route: RoutePreference) -> None:
    world = World(local=Script(pieces=["is honey"]), cloud=Script(pieces=["is honey"]))
    answer = world.ask(EASY, prefix="What they make ", route=route)
    model = world.local if route is RoutePreference.LOCAL else world.cloud
    assert model.asked[0].prefix == "What they make "
    assert answer.text == "is honey"


def test_a_callers_beginning_counts_as_prompt() -> None:
    bare, begun = World(), World()
    bare.ask(EASY, route=RoutePreference.LOCAL)
    begun.ask(EASY, route=RoutePreference.LOCAL, prefix="one two three")
    tokens = [world.witness.situations[0]["local"]["prompt_tokens"] for world in (bare, begun)]
    assert tokens[1] - tokens[0] == 3


def test_a_callers_beginning_and_a_lost_cloud_make_one_prefix() -> None:
    world = World(
        local=Script(pieces=["home"]),
        cloud=Script(pieces=["half ", "never"], fault=CloudTruncated("cut"), fault_after=1),
    )
    assert world.ask(HARD, prefix="So: ").text == "half home"
    assert world.local.asked[0].prefix == "So: half "


def test_a_cloud_that_stalls_is_given_up() -> None:
    stalled = Script(pieces=["half ", "never"], token_ms=float("inf"))
    world = World(cloud=stalled, patience=Patience(first_token_s=0.1, between_tokens_s=0.05))
    answer = world.ask(HARD)
    assert answer.text == "half honey, mostly"
    assert "cloud_timeout" in answer.reason


def test_a_dead_link_is_asked_once_and_then_left_alone() -> None:
    world = World(terms=CloudUnavailable("refused"))
    first, second = world.ask(HARD), world.ask(HARD)
    assert first.route is second.route is Route.LOCAL
    assert world.cloud.contacts == 1
    assert "cannot be reached" in second.reason
    assert not second.egress.sent
    world.clock.advance(60)
    world.ask(HARD)
    assert world.cloud.contacts == 2


def test_without_any_budget_there_is_one_typed_error_and_nothing_is_spent() -> None:
    window = Window("energy", Resource.DEVICE_JOULES, 0.05, 3600)
    world = World(windows=[window])
    with pytest.raises(BudgetExhausted) as caught:
        world.ask(EASY)
    assert caught.value.reopens_at is None, "no period of the window is large enough: waiting does not help"
    assert "'energy'" in caught.value.remedy
    assert world.witness.failures == ["budget_exhausted"]
    assert [refusal.message for refusal in world.witness.refusals] == [caught.value.message]
    assert EASY not in str(world.witness.situations)
    assert world.ledger.state()[0].spent == 0


def test_a_tight_joule_budget_shortens_the_answer() -> None:
    world = World(local=Script(pieces=["word "] * 400))
    answer = world.ask(EASY, budget=Budget(device_joules=20), route=RoutePreference.LOCAL)
    assert answer.finish_reason is FinishReason.BUDGET
    assert 16 <= answer.usage.completion_tokens < 256


def test_joules_are_cut_where_the_meter_says_so() -> None:
    world = World(local=Script(pieces=["word "] * 200), joules_per_step=1.0)
    answer = world.ask(EASY, budget=Budget(device_joules=20), route=RoutePreference.LOCAL)
    assert answer.finish_reason is FinishReason.BUDGET
    assert answer.device_energy.joules <= 20


def test_an_answer_that_takes_more_than_foreseen_goes_on_while_a_window_has_room() -> None:
    window = Window("energy", Resource.DEVICE_JOULES, 150, 3600)
    world = World(local=Script(pieces=["word "] * 100), joules_per_step=1.0, windows=[window])
    answer = world.ask(EASY, route=RoutePreference.LOCAL, sampling=Sampling(max_tokens=100))
    assert (answer.finish_reason, answer.usage.completion_tokens) == (FinishReason.STOP, 100)
    state = world.ledger.state()[0]
    assert (round(state.spent), state.reserved) == (100, 0)
    second = world.ask(EASY, route=RoutePreference.LOCAL, sampling=Sampling(max_tokens=100))
    assert second.finish_reason is FinishReason.BUDGET
    assert world.ledger.state()[0].spent <= 150


def test_an_answer_that_repeats_itself_ends() -> None:
    world = World(local=Script(pieces=["Bees make honey and wax. "] * 40))
    answer = world.ask(EASY, route=RoutePreference.LOCAL)
    assert (answer.text, answer.finish_reason) == ("Bees make honey and wax.", FinishReason.STOP)
    assert world.local.abandoned == 1


def test_closing_the_stream_settles_what_was_used() -> None:
    window = Window("energy", Resource.DEVICE_JOULES, 1000, 3600)
    world = World(local=Script(pieces=["word "] * 200), windows=[window])

    async def leave_early() -> None:
        request = Request(id="r", messages=(Message("user", EASY),), route=RoutePreference.LOCAL)
        stream = world.engine.run(request)
        await anext(stream)
        await stream.aclose()

    asyncio.run(leave_early())
    state = world.ledger.state()[0]
    assert state.reserved == 0
    assert state.spent > 0
    assert world.witness.failures == ["cancelled"]
    assert world.local.abandoned == 1


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(InvalidRequest):
        World().ask(question)


def test_the_stored_situation_replays_to_the_same_route() -> None:
    from orchestrator.routing.policy import decide
    from orchestrator.routing.situation import Situation

    for question, personal in ((EASY, False), (HARD, False), (HARD, True)):
        money = Window("money", Resource.USD, 1.0, 86_400)
        world = World(recollection=Recollection(personal=personal), windows=[money])
        world.ask(question)
        request = Request(id="r1", messages=(Message("user", question),))
        decision = world.witness.decisions[0]
        assert decide(Situation.from_dict(world.witness.situations[0]), request, decision.id) == decision


scripts = st.builds(
    Script,
    pieces=st.lists(st.sampled_from(["a ", "b ", "c "]), max_size=30),
    scores=st.lists(st.just(UNSURE), max_size=15),
    fault=st.sampled_from([None, CloudUnavailable("x"), CloudTruncated("y")]),
    fault_after=st.integers(0, 30),
    usd=st.floats(0, 0.001),
)


@given(
    cloud=scripts,
    local=scripts.map(
        lambda s: Script(pieces=s.pieces, scores=s.scores, fault=InferenceFailed("z") if s.fault else None)
    ),
    question=st.sampled_from([EASY, HARD]),
    route=st.sampled_from(list(RoutePreference)),
    label=st.sampled_from(list(Sensitivity)),
    reachable=st.booleans(),
    joules=st.sampled_from([None, 5.0, 50.0]),
)
def test_any_request_ends_once_and_leaves_no_reservation(
    cloud: Script,
    local: Script,
    question: str,
    route: RoutePreference,
    label: Sensitivity,
    reachable: bool,
    joules: float | None,
) -> None:
    """Laws 1 to 3: private stays, windows hold, one end."""
    windows = [Window("energy", Resource.DEVICE_JOULES, 200, 3600), Window("money", Resource.USD, 0.01, 86_400)]
    world = World(
        local=local,
        cloud=cloud,
        terms=PRICED if reachable else CloudUnavailable("down"),
        records=[hit(label)],
        windows=windows,
    )
    with contextlib.suppress(EdgewiseError):
        world.ask(question, route=route, budget=Budget(device_joules=joules), sampling=Sampling(max_tokens=64))
    assert len(world.witness.answers) + len(world.witness.failures) == 1
    assert all(state.reserved == 0 and state.spent <= state.window.limit for state in world.ledger.state())
    if label is not Sensitivity.PUBLIC:
        assert "Tuesday at 9:30" not in str([asked.messages for asked in world.cloud.asked])
    if label is Sensitivity.PRIVATE:
        assert world.cloud.asked == []
