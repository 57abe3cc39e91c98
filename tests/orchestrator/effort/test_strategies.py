"""Strategies in the engine: chosen by the decision, reserved for, metered, ended in the middle, told in receipts."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window
from orchestrator.effort.strategy import EffortRules
from orchestrator.errors import CloudTruncated, CloudUnavailable, DeadlineExceeded, EdgewiseError, InferenceFailed
from orchestrator.routing.policy import decide
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.testing import (
    CONFIDENT,
    UNSURE,
    Script,
)
from orchestrator.types import (
    Budget,
    Decision,
    Effort,
    FinishReason,
    Recalled,
    Record,
    Request,
    Route,
    RoutePreference,
    Sampling,
    Sensitivity,
    Terms,
)
from tests.orchestrator import world

SUM = "What is 17 + 26?"
PRICED = Terms(context_tokens=4096, prompt_usd=1e-6, completion_usd=2e-6)
ON_THE_DEVICE = (Effort.BEST, Effort.VOTE, Effort.REBASE)


def says(text: str, *, sure: bool = True, token_ms: float = 0.0, fault: Exception | None = None) -> Script:
    pieces = [f"{word} " for word in text.split()]
    scores = [CONFIDENT if sure else UNSURE] * len(pieces)
    return Script(pieces=pieces, scores=scores, token_ms=token_ms, fault=fault)


class World(world.World):
    """With as many scripts as samples are written, a cloud that confirms, and perhaps a record."""

    def __init__(
        self, *local: Script, cloud: Script | None = None, label: Sensitivity | None = None, **options: Any
    ) -> None:
        note = Record(kind="note", title="n", body="kept at home", sensitivity=label or Sensitivity.PUBLIC, id=1)
        records = (Recalled(note, 0.9),) if label else ()
        super().__init__(local=local, cloud=cloud or says("RIGHT"), records=records, **options)


def decided(world: World) -> tuple[Decision, dict[str, Any]]:
    """The first decision, and what it saw."""
    return world.witness.decisions[0], world.witness.situations[0]


def test_five_samples_vote_and_no_more_are_written_than_the_vote_needs() -> None:
    world = World(says("so 42"), says("it is 43"), says("43"), says("43 then"), says("never asked"))
    answer = world.ask(SUM, effort=Effort.VOTE)
    assert "43" in answer.text
    assert answer.effort is not None
    assert (answer.effort.strategy, answer.effort.samples) == (Effort.VOTE, 4)
    assert answer.effort.votes[0] > 2 > answer.effort.votes[1]
    assert answer.usage.completion_tokens == 2 + 3 + 1 + 2
    assert answer.route is Route.LOCAL
    seeds = [asked.sampling.seed for asked in world.local.asked]
    assert seeds == [0, 1, 2, 3], "each its own"
    assert all(asked.sampling.temperature == 0.5 for asked in world.local.asked)


def test_a_weighted_vote_listens_to_the_surer_sample() -> None:
    scripts = [says("41"), says("43", sure=False), says("43", sure=False)]
    assert World(*scripts, effort=EffortRules(samples=3)).ask(SUM, effort=Effort.VOTE).text == "41 "
    assert World(*scripts, effort=EffortRules(samples=3, weighted=False)).ask(SUM, effort=Effort.VOTE).text == "43 "


def test_the_best_of_several_is_the_likeliest() -> None:
    answer = World(says("41", sure=False), says("43"), says("42", sure=False)).ask(SUM, effort=Effort.BEST)
    assert answer.text == "43 "
    assert answer.effort is not None
    assert (answer.effort.samples, answer.effort.votes) == (5, ())


def test_answers_that_say_nothing_comparable_are_chosen_by_likelihood() -> None:
    assert (
        World(says("well", sure=False), says("hm"), effort=EffortRules(samples=2)).ask(SUM, effort=Effort.VOTE).text
        == "hm "
    )


def test_the_whole_strategy_is_reserved_before_it_runs_and_its_truth_settled() -> None:
    window = Window("energy", Resource.DEVICE_JOULES, 200, 3600)
    world = World(says("43"), windows=[window])
    answer = world.ask(SUM, effort=Effort.VOTE, sampling=Sampling(max_tokens=20))
    decision, situation = decided(world)
    (state,) = world.ledger.state()
    one = Situation.from_dict(situation).local.worst_case(decision.max_tokens)
    assert decision.worst_case.device_joules > 4 * one.device_joules
    assert state.reserved == 0
    assert state.spent == pytest.approx(answer.device_energy.joules)


def test_a_strategy_that_no_budget_holds_gives_way_to_one_answer() -> None:
    world = World(says("43"), windows=[Window("energy", Resource.DEVICE_JOULES, 12, 3600)])
    answer = world.ask(SUM, effort=Effort.VOTE, route=RoutePreference.LOCAL)
    assert (answer.text, answer.effort, len(world.local.asked)) == ("43 ", None, 1)
    assert "without vote, which was asked for" in answer.reason
    assert "vote" in world.witness.decisions[0].excluded


def test_a_strategy_is_chosen_by_itself_only_where_it_is_configured_and_pays() -> None:
    assert World(says("43")).ask(SUM, effort=None).effort is None
    world = World(says("43"), effort=EffortRules(strategies=ON_THE_DEVICE))
    world.ask(SUM, effort=None)
    decision, _ = decided(world)
    assert {p.name for p in decision.predictions} >= {"local", "cloud", "vote", "best", "rebase"}
    assert World(says("43"), effort=EffortRules(strategies=ON_THE_DEVICE)).ask(SUM, effort=Effort.NONE).effort is None


def test_a_configured_strategy_is_chosen_where_it_is_worth_more_than_it_takes() -> None:
    world = World(says("43"), effort=EffortRules(strategies=(Effort.VOTE,)))
    world.ask(SUM, effort=None, local_only=True)
    dear, plain = decided(world)
    assert dear.effort is Effort.NONE, "seconds and joules have their price"
    patient = replace(Situation.from_dict(plain), prices=Prices(second_usd=0, device_joule_usd=0))
    decision = decide(patient, Request(id="r1", messages=()), "d")
    assert (decision.effort, decision.rule, decision.samples) == (Effort.VOTE, "best_effort", 5)


@pytest.mark.parametrize("effort", [effort for effort in Effort if effort is not Effort.CONSULT])
def test_a_stored_situation_replays_to_the_same_strategy(effort: Effort) -> None:
    world = World(says("43"))
    world.ask(SUM, effort=effort)
    decision, situation = decided(world)
    assert decision.effort is effort
    again = decide(Situation.from_dict(situation), Request(id="r1", messages=()), decision.id)
    assert again == decision


@pytest.mark.parametrize("effort", ON_THE_DEVICE)
def test_at_the_deadline_it_chooses_among_what_there_is(effort: Effort) -> None:
    world = World(says("it is 43"), says("43 and " * 40, token_ms=100))
    answer = world.ask(SUM, effort=effort, budget=Budget(total_ms=60_000))
    assert "43" in answer.text
    slow = World(says("43 and then 44", token_ms=20_000))
    assert slow.ask(SUM, effort=effort, budget=Budget(total_ms=50_000)).finish_reason is FinishReason.DEADLINE
    with pytest.raises(DeadlineExceeded):
        World(Script(pieces=["43"], first_token_ms=70_000)).ask(SUM, effort=effort, budget=Budget(total_ms=60_000))


@pytest.mark.parametrize("effort", [*ON_THE_DEVICE, Effort.VERIFY])
def test_joules_hold_in_the_middle(effort: Effort) -> None:
    world = World(says("43"), says("and so on " * 30), joules_per_step=2.0)
    answer = world.ask(SUM, effort=effort, budget=Budget(device_joules=100), sampling=Sampling(max_tokens=100))
    assert answer.device_energy.joules <= 100 + 2, "the fake meter counts the text that is shown as a step"
    assert "43" in answer.text


def test_a_strategy_teaches_nothing_of_one_answer() -> None:
    world = World(says("43 " * 10))
    before = world.costs.of(Route.LOCAL).answer_tokens.mean
    world.ask(SUM, effort=Effort.VOTE)
    assert world.costs.of(Route.LOCAL).answer_tokens.mean == before


def test_a_draft_that_the_cloud_finds_right_is_shown_and_billed_once() -> None:
    bill = Script(pieces=["RIGHT", "."], usd=0.0001)
    world = World(says("it is 43"), cloud=bill, windows=[Window("money", Resource.USD, 1.0, 86_400)])
    answer = world.ask(SUM, effort=Effort.VERIFY)
    assert (answer.text, answer.usd, answer.model) == ("it is 43 ", 0.0001, "scripted-cloud")
    assert answer.effort is not None
    assert answer.effort.votes == (1.0,)
    (state,) = world.ledger.state()
    assert (state.spent, state.reserved) == (0.0001, 0)
    asked = world.cloud.asked[0].messages
    assert [message.text for message in asked[-3:-1]] == [SUM, "it is 43 "]


def test_a_draft_that_it_finds_wrong_is_never_seen() -> None:
    answer = World(says("it is 41"), cloud=says("Rightly it is 43")).ask(SUM, effort=Effort.VERIFY)
    assert (answer.text, answer.effort and answer.effort.votes) == ("Rightly it is 43 ", (0.0,))


@pytest.mark.parametrize("pieces", [[], ["it ", "is "]])
def test_without_the_cloud_there_is_still_an_answer(pieces: list[str]) -> None:
    lost = Script(pieces=pieces, fault=CloudTruncated("cut") if pieces else CloudUnavailable("gone"), fault_after=2)
    answer = World(says("43"), cloud=lost).ask(SUM, effort=Effort.VERIFY)
    assert answer.text == "".join(pieces) + "43 "
    assert answer.model == "scripted-local"


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_a_draft_made_from_records_that_stay_is_not_sent(label: Sensitivity) -> None:
    world = World(says("43"), label=label)
    answer = world.ask(SUM, effort=Effort.VERIFY)
    assert answer.effort is None
    assert all("43" not in message.text for asked in world.cloud.asked for message in asked.messages)


wild = st.builds(
    says,
    st.lists(st.sampled_from(["43", "42.", "so", "hm\n"]), max_size=12).map(" ".join),
    sure=st.booleans(),
    token_ms=st.sampled_from([0.0, 5.0, 3000.0]),
    fault=st.sampled_from([None, None, None, InferenceFailed("x")]),
)


@settings(max_examples=60)
@given(
    scripts=st.lists(wild, min_size=1, max_size=6),
    cloud=st.sampled_from([says("RIGHT"), says("43"), says("RI", fault=CloudTruncated("x"))]),
    effort=st.sampled_from(list(Effort)),
    samples=st.integers(2, 9),
    joules=st.sampled_from([None, 8.0, 40.0]),
    per_step=st.sampled_from([0.01, 1.0, 5.0]),
    label=st.sampled_from([None, *Sensitivity]),
    patience=st.sampled_from([None, 0, 3, 20]),
)
def test_any_strategy_ends_once_within_its_windows_and_leaves_nothing_behind(
    scripts: list[Script],
    cloud: Script,
    effort: Effort,
    samples: int,
    joules: float | None,
    per_step: float,
    label: Sensitivity | None,
    patience: int | None,
) -> None:
    """Laws 1 to 3, also where the caller goes away in the middle: `patience` is how many turns of the loop it has."""
    windows = [Window("energy", Resource.DEVICE_JOULES, 150, 3600), Window("money", Resource.USD, 0.01, 86_400)]
    rules = EffortRules(samples=samples)
    world = World(*scripts, cloud=cloud, effort=rules, windows=windows, label=label, joules_per_step=per_step)

    async def ask() -> None:
        budget = Budget(device_joules=joules, total_ms=20_000)
        task = asyncio.create_task(world.run(SUM, effort=effort, budget=budget, sampling=Sampling(max_tokens=32)))
        for _ in range(patience or 0):
            await asyncio.sleep(0)
        if patience is not None:
            task.cancel()
        with contextlib.suppress(EdgewiseError, asyncio.CancelledError):
            pieces, answer = await task
            assert "".join(piece.text for piece in pieces) == answer.text
        assert not asyncio.all_tasks() - {asyncio.current_task()}, "no sample goes on"

    asyncio.run(ask())
    ends = [*world.witness.answers, *world.witness.failures]
    assert len(ends) <= 1
    assert patience is not None or len(ends) == 1
    # One step of a model is the most that is spent before a meter can say so, for each sample under way.
    slack = per_step * samples
    energy, money = world.ledger.state()
    assert energy.reserved == money.reserved == 0
    assert energy.spent <= energy.window.limit + slack
    assert money.spent <= money.window.limit
    if label is Sensitivity.PRIVATE and effort is not Effort.CONSULT:
        assert world.cloud.asked == []
    assert "kept at home" not in str([asked.messages for asked in world.cloud.asked]) or label is Sensitivity.PUBLIC
