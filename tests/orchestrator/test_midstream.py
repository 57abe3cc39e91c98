"""Answers that move to the cloud while they are shown: one text, one bill, nothing taken back or given away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window
from orchestrator.errors import CloudTruncated, CloudUnavailable
from orchestrator.moves import Cause, MoveRules
from orchestrator.privacy.rules import Action
from orchestrator.routing.replay import replay
from orchestrator.testing import CONFIDENT, UNSURE, Script, ShelfStore
from orchestrator.types import Answer, Budget, FinishReason, Route, RoutePreference, Sensitivity
from tests.orchestrator import test_boundary
from tests.orchestrator.test_boundary import DINNER, Asking, prefixes, wire
from tests.orchestrator.world import EASY
from tests.orchestrator.world import World as AnyWorld

LONG = Script(pieces=["bees ", "and ", "hon", "ey, "] * 50, token_ms=10)
REST = Script(pieces=["and ", "wax", "."], usd=0.0001)
TIGHT = Budget(device_joules=20)
DOUBTING = MoveRules(least_logprob=-1.0, window_tokens=8)
FALTERING = [CONFIDENT] * 14 + [UNSURE] * 200


class World(AnyWorld):
    """One in which each token takes a joule, the cloud's too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(joules_per_step=1.0, **options)


def private_world(personal: Action = Action.REDACT, consent: Asking | None = None, **options: Any) -> AnyWorld:
    """One with rules for what is personal, in which each token takes a joule."""
    return test_boundary.world(personal, consent, joules_per_step=1.0, **options)


def cause(answer: Answer) -> Cause | None:
    return answer.move.cause if answer.move else None


def test_an_answer_that_runs_out_of_joules_goes_on_in_the_cloud() -> None:
    world = World(local=LONG, cloud=REST)
    answer = world.ask(EASY, budget=TIGHT)
    [asked] = world.cloud.asked
    assert answer.text == asked.prefix + "and wax."
    assert (answer.route, answer.finish_reason, cause(answer)) == (Route.HANDOFF, FinishReason.STOP, Cause.JOULES)
    assert answer.device_energy.joules <= 20
    assert (answer.usd, answer.usage.completion_tokens) == (0.0001, 12 + 3)
    assert "after 12 tokens the device had joules for 8 of about" in answer.reason
    assert world.local.abandoned == 1


def test_an_answer_that_would_be_late_goes_on_in_the_cloud_while_that_is_in_time() -> None:
    world = World(local=replace(LONG, token_ms=200), cloud=replace(REST, first_token_ms=300, token_ms=30))
    answer = world.ask(EASY, budget=Budget(total_ms=7000))
    assert (cause(answer), answer.finish_reason) == (Cause.DEADLINE, FinishReason.STOP)
    assert answer.latency.total_ms < 7000
    assert "the device had time for" in answer.reason


def test_an_answer_that_nobody_can_finish_in_time_stays() -> None:
    answer = World(local=replace(LONG, token_ms=200)).ask(EASY, budget=Budget(total_ms=2600))
    assert (answer.route, answer.finish_reason, answer.move) == (Route.LOCAL, FinishReason.DEADLINE, None)


def test_an_answer_that_turns_unsure_goes_on_in_the_cloud_where_that_is_wanted() -> None:
    local = replace(LONG, scores=FALTERING)
    stays, goes = World(local=local), World(local=local, cloud=REST, moves=DOUBTING)
    assert stays.ask(EASY).move is None
    answer = goes.ask(EASY)
    assert cause(answer) is Cause.CONFIDENCE
    assert "the device's latest 8 had a mean log-probability of -" in answer.reason


def test_the_last_word_is_the_clouds_where_the_device_had_not_finished_it() -> None:
    local = Script(pieces=["bees ", "make ", "hon"] * 4 + ["ey "] * 90)
    world = World(local=local, cloud=Script(pieces=["make ", "hon", "ey."]))
    answer = world.ask(EASY, budget=TIGHT)
    assert world.cloud.asked[0].prefix.endswith("make ")
    assert answer.text.endswith("bees make honey.")


def test_nothing_is_spent_that_was_not_reserved_and_each_leg_is_settled_once() -> None:
    windows = [
        Window("energy", Resource.DEVICE_JOULES, 21, 3600),
        Window("money", Resource.USD, 0.001, 3600),
        Window("asks", Resource.CLOUD_REQUESTS, 1, 3600),
    ]
    world = World(local=LONG, cloud=REST, windows=windows)
    answer = world.ask(EASY)
    joules, money, asks = world.ledger.state()
    assert cause(answer) is Cause.JOULES
    assert [state.reserved for state in (joules, money, asks)] == [0, 0, 0]
    assert joules.spent == pytest.approx(answer.device_energy.joules)
    assert (money.spent, asks.spent) == (0.0001, 1)
    assert joules.spent <= 21


@pytest.mark.parametrize(
    ("windows", "options"),
    [
        ([], {"route": RoutePreference.LOCAL}),
        ([], {"local_only": True}),
        ([Window("asks", Resource.CLOUD_REQUESTS, 0, 3600)], {}),
        ([Window("money", Resource.USD, 0.00001, 3600)], {}),
    ],
)
def test_an_answer_stays_where_the_cloud_is_not_to_be_had(windows: list[Window], options: dict[str, object]) -> None:
    world = World(local=LONG, windows=windows)
    answer = world.ask(EASY, budget=TIGHT, **options)
    assert (answer.route, answer.finish_reason, world.cloud.asked) == (Route.LOCAL, FinishReason.BUDGET, [])


def test_an_answer_stays_where_moving_is_switched_off() -> None:
    answer = World(local=LONG, moves=MoveRules(unfinished=False)).ask(EASY, budget=TIGHT)
    assert (answer.route, answer.finish_reason) == (Route.LOCAL, FinishReason.BUDGET)


@pytest.mark.parametrize("said", [[], ["and ", "wa"]])
def test_a_cloud_that_fails_after_the_move_leaves_the_answer_to_the_device(said: list[str]) -> None:
    fault = CloudTruncated("cut") if said else CloudUnavailable("gone")
    home = Script(pieces=["wax."])
    world = World(
        local=[replace(LONG, scores=FALTERING), home],
        cloud=Script(pieces=[*said, "never"], fault=fault, fault_after=len(said)),
        moves=DOUBTING,
    )
    answer = world.ask(EASY)
    begun = prefixes(world)[0]
    assert answer.text in (begun + "and wax.", world.local.asked[1].prefix + "wax.")
    assert answer.text.startswith(begun)
    assert "the device goes on" in answer.reason
    assert answer.finish_reason is FinishReason.STOP


def test_a_cloud_that_fails_where_the_device_has_nothing_left_ends_the_answer_as_it_is() -> None:
    windows = [Window("energy", Resource.DEVICE_JOULES, 21, 3600)]
    dead = Script(pieces=["never"], fault=CloudUnavailable("gone"))
    world = World(local=LONG, cloud=dead, windows=windows)
    answer = world.ask(EASY)
    assert (answer.finish_reason, answer.route) == (FinishReason.BUDGET, Route.LOCAL)
    assert answer.text.startswith(prefixes(world)[0])
    assert world.ledger.state()[0].spent <= 21


def test_what_was_judged_is_judged_again_from_what_is_stored() -> None:
    world = World(local=LONG, cloud=REST)
    answer = world.ask(EASY, budget=TIGHT)
    stored = msgspec.json.decode(msgspec.json.encode(answer), type=Answer)
    assert stored.move is not None
    decision, situation = world.witness.decisions[0], world.witness.situations[0]
    again = replay(decision, situation, stored.move)
    assert again.same_end
    assert again.same_move
    assert not replay(decision, situation, replace(stored.move, rest=1)).same_move


NAMES = Script(pieces=["You ", "see ", "Anna ", "Weber ", "in ", "Leeds ", *(f"and {n} " for n in range(90))])


@pytest.mark.parametrize(
    ("came", "shown"),
    [
        ("with PERSON_1 too.", "with Anna Weber too."),
        ("You see PERSON_1 in PLACE_1, you. See PERSON_1.", ", you. See Anna Weber."),  # again, as the cloud knows it
    ],
)
def test_shown_names_leave_as_stand_ins_and_the_joint_is_clean_behind_the_originals(came: str, shown: str) -> None:
    local = replace(NAMES, pieces=["so ", "it ", "is ", "now: ", "\n", "\n", *NAMES.pieces])
    here = private_world(local=local, cloud=Script(pieces=list(came)), records=[DINNER])
    answer = here.ask("Who comes to dinner?", budget=TIGHT)
    assert prefixes(here) == ["so it is now: \n\nYou see PERSON_1 in PLACE_1 "]
    assert answer.text == "so it is now: \n\nYou see Anna Weber in Leeds " + shown
    assert answer.sensitivity is Sensitivity.PERSONAL


def test_a_name_of_which_one_word_was_shown_is_not_said_twice() -> None:
    local = replace(NAMES, pieces=[*NAMES.pieces[-8:], "and ", "with ", "my ", "Anna ", "Web", *NAMES.pieces])
    here = private_world(local=local, cloud=Script(pieces=["PERSON", "_1."]), records=[DINNER])
    answer = here.ask("Who comes to dinner?", budget=TIGHT)
    assert "Anna" not in wire(here)
    assert answer.text.endswith("with my Anna Weber.") or answer.text.endswith("with my Anna.")


def test_a_no_keeps_the_answer_at_home() -> None:
    consent = Asking(answer=False)
    here = private_world(Action.ASK, consent, local=NAMES, records=[DINNER])
    answer = here.ask("Who comes to dinner?", budget=TIGHT)
    assert (here.cloud.asked, len(consent.asked)) == ([], 1)
    assert answer.route is Route.LOCAL
    assert "it was not agreed that this leaves" in answer.reason


def test_a_record_that_becomes_private_keeps_the_words_made_from_it_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShelfStore, "sensitivities", lambda *_: {7: Sensitivity.PRIVATE})
    here = private_world(local=NAMES, records=[DINNER])
    answer = here.ask("Who comes to dinner?", budget=TIGHT)
    assert here.cloud.asked == []
    assert "a record may not leave any more" in answer.reason


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_an_answer_from_what_stays_never_moves(label: Sensitivity) -> None:
    kept = replace(DINNER, record=replace(DINNER.record, sensitivity=label))
    here = private_world(Action.KEEP, local=replace(NAMES, scores=FALTERING), records=[kept], moves=DOUBTING)
    answer = here.ask("Who comes to dinner?", budget=TIGHT)
    assert (here.cloud.asked, answer.route, answer.move) == ([], Route.LOCAL, None)


def test_something_private_in_what_was_shown_keeps_it_at_home() -> None:
    local = replace(NAMES, pieces=["the ", "card ", "is ", "4111 ", *NAMES.pieces])
    here = private_world(local=local)
    answer = here.ask("What do bees make?", budget=TIGHT)
    assert here.cloud.asked == []
    assert "would have left the device" in answer.reason


@given(
    local=st.lists(st.sampled_from(["bees ", "make ", "hon", "ey ", "蜂", "\n"]), min_size=1, max_size=60),
    cloud=st.lists(st.sampled_from(["bees ", "make ", "hon", "ey ", "蜂", "\n"]), max_size=9),
    fault_after=st.none() | st.integers(0, 9),
    joules=st.sampled_from([18.0, 25.0, 40.0]),
    unsure=st.integers(0, 40),
)
def test_whatever_happens_nothing_shown_is_taken_back_and_no_window_is_exceeded(
    local: list[str], cloud: list[str], fault_after: int | None, joules: float, unsure: int
) -> None:
    fault = None if fault_after is None else CloudTruncated("cut")
    world = World(
        local=Script(pieces=local, scores=[CONFIDENT] * unsure + [UNSURE] * 60),
        cloud=Script(pieces=cloud, fault=fault, fault_after=fault_after or 0, usd=0.00001),
        windows=[Window("energy", Resource.DEVICE_JOULES, joules, 3600), Window("money", Resource.USD, 0.01, 3600)],
        moves=DOUBTING,
    )
    answer = world.ask(EASY)  # which checks that the pieces are the answer
    energy, money = world.ledger.state()
    assert energy.reserved == money.reserved == 0
    assert energy.spent <= joules + len(cloud), "the device keeps to it; that receiving takes so much, nobody foresaw"
    assert money.spent <= 0.01
    assert all(answer.text.startswith(prefix) for prefix in prefixes(world))
    assert len(world.witness.answers) == 1
