"""What each route's model would be shown of a conversation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from orchestrator.budget import Deadline, Ledger, MemoryLedgerStore, Resource, Window
from orchestrator.errors import BudgetExhausted, CloudUnavailable
from orchestrator.link import Link
from orchestrator.plan import Plan
from orchestrator.planner import Planner
from orchestrator.ports import Processor, Teacher
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.features import Features
from orchestrator.routing.keeper import PromiseKeeper
from orchestrator.routing.learned import Learned
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.policy import decide
from orchestrator.routing.promise import Promise
from orchestrator.routing.quality import prior
from orchestrator.routing.replay import replay
from orchestrator.routing.router import Router
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.testing import UNSURE, ManualClock, Script, ScriptedCloudModel, ScriptedModel, ShelfStore
from orchestrator.types import (
    Message,
    Recalled,
    Recollection,
    Record,
    Request,
    Route,
    RoutePreference,
    Sampling,
    Sensitivity,
)
from tests.orchestrator.world import EASY, HARD, World, hit

PUBLIC, PERSONAL, PRIVATE = Sensitivity


class Shelf(ShelfStore):
    """A context store that recalls the same records for every question, and notes in which conversation."""

    def __init__(self, *hits: Recalled) -> None:
        super().__init__(Recollection(hits, confidence=1.0))
        self.conversations: list[str] = []

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        self.conversations.append(conversation)
        return super().recall(question, limit=limit, now=now, conversation=conversation)


def plan(
    request: Request,
    shelf: Shelf,
    keeper: PromiseKeeper | None = None,
    processor: Processor | None = None,
    router: Router | None = None,
    teacher: Teacher | None = None,
) -> Plan:
    clock = ManualClock()
    local = ScriptedModel(clock, Script(pieces=["yes"]))
    link = Link(ScriptedCloudModel(clock, Script(pieces=["yes"])), clock)
    planner = Planner(
        local=local,
        link=link,
        context=shelf,
        ledger=Ledger(MemoryLedgerStore(), (), clock),
        composer=Composer(wording=lambda record, now: record.body, count_tokens=local.count_tokens, system="Be brief."),
        costs=CostHistory(),
        prices=Prices(),
        keeper=keeper,
        router=router,
        teacher=teacher,
        clock=clock,
        processor=processor,
    )
    planned = asyncio.run(planner.plan(request, "d1", Deadline.after(clock, None)))
    assert isinstance(planned, Plan)
    return planned


def exchange(question: str, answer: str, label: Sensitivity, *records: Record) -> tuple[Message, Message]:
    at = ManualClock().now()
    return Message("user", question, label, records=records, at=at), Message("assistant", answer, label, at=at)


def asked(*earlier: Message, question: str = "And then?", history_tokens: int | None = None) -> Request:
    messages = (*earlier, Message("user", question))
    return Request(id="r1", messages=messages, conversation="conversation/a", history_tokens=history_tokens)


def test_the_device_sees_earlier_questions_with_their_records_and_the_cloud_without() -> None:
    note = Record(kind="note", body="bees make honey", sensitivity=PUBLIC)
    shelf = Shelf()
    made = plan(asked(*exchange("what do bees make?", "honey", PUBLIC, note)), shelf)
    assert "bees make honey" in made.local.messages[1].text
    assert made.cloud is not None
    assert [message.text for message in made.cloud.messages[1:]] == ["what do bees make?", "honey", "And then?"]
    assert shelf.conversations == ["conversation/a"]


def test_the_cloud_sees_no_turn_above_public() -> None:
    turns = (*exchange("a", "b", PUBLIC), *exchange("c", "d", PERSONAL))
    made = plan(asked(*turns), Shelf())
    assert [message.text for message in made.local.messages[1:]] == ["a", "b", "c", "d", "And then?"]
    assert made.cloud is not None
    assert [message.text for message in made.cloud.messages[1:]] == ["a", "b", "And then?"]
    assert plan(asked(*turns, *exchange("e", "f", PRIVATE)), Shelf()).cloud is None


def test_an_earlier_turn_that_is_recalled_keeps_its_label() -> None:
    told = Record(id=3, kind="said", body="My sister moved.", sensitivity=PERSONAL)
    made = plan(asked(question="Where did my sister move?"), Shelf(Recalled(told, 0.9)))
    assert made.local.recalled[0].record == told
    assert made.cloud is not None
    assert "sister moved" not in str(made.cloud.messages)


def test_a_question_that_its_records_answer_is_shown_to_the_device_alone() -> None:
    told = Record(id=3, kind="said", body="My sister moved to Leeds.", sensitivity=PUBLIC)
    turns = exchange("a", "b", PUBLIC)
    made = plan(asked(*turns, question="Where did my sister move?", history_tokens=500), Shelf(Recalled(told, 0.9)))
    assert len(made.local.messages) == 2
    assert made.cloud is not None
    assert len(made.cloud.messages) == 4, "a larger model can tell them apart"


@pytest.mark.parametrize("now", [{1: Sensitivity.PERSONAL}, {}], ids=["raised", "forgotten"])
@pytest.mark.parametrize("unsure", [False, True])
def test_a_record_that_is_withdrawn_after_the_decision_stays_home(
    now: dict[int, Sensitivity], unsure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = Script(pieces=["maybe "] * 20, scores=[UNSURE] * 20) if unsure else None
    world = World(local=local, records=[hit(Sensitivity.PUBLIC)])
    monkeypatch.setattr(ShelfStore, "sensitivities", lambda *_: now)
    answer = world.ask(EASY if unsure else HARD, **({} if unsure else {"route": RoutePreference.CLOUD}))
    assert (answer.route, answer.egress.sent, world.cloud.asked) == (Route.LOCAL, False, [])
    assert "a record may not leave any more" in answer.reason
    assert all(state.reserved == 0 for state in world.ledger.state())


def test_a_promise_that_little_leaves_keeps_a_question_at_home_also_when_its_answer_falters() -> None:
    question = asked(question=HARD)
    assert plan(question, Shelf()).decision.route is Route.CLOUD
    kept = plan(question, Shelf(), PromiseKeeper(Promise(at_most_leaving=0.3), None))
    assert (kept.decision.route, kept.decision.rule) == (Route.LOCAL, "promise")
    assert not kept.may_escalate


def test_a_promise_about_quality_sends_what_the_device_would_answer_and_leaves_its_records_alone() -> None:
    keeper = PromiseKeeper(Promise(at_most_worse=0.02), None)
    sent = plan(asked(question=EASY), Shelf(), keeper)
    assert (sent.decision.route, sent.decision.rule) == (Route.CLOUD, "promise")
    assert sent.situation.pledge is not None
    assert sent.situation.pledge.uplift == sent.situation.cloud.quality.expected - sent.situation.local.quality.expected  # type: ignore[union-attr]
    told = Record(id=3, kind="said", body="My sister moved.", sensitivity=PERSONAL)
    own = plan(asked(question="Where did my sister move?"), Shelf(Recalled(told, 0.9)), keeper)
    assert own.decision.route is Route.LOCAL
    assert own.situation.pledge is not None
    assert not own.situation.pledge.watched


def test_of_a_shares_questions_one_in_two_may_leave_whatever_is_called_off_or_escalates() -> None:
    world = World(windows=[Window("leaving", Resource.CLOUD_SHARE, 0.5, 86_400)])
    assert [world.ask(HARD).route for _ in range(4)] == [Route.LOCAL, Route.CLOUD, Route.LOCAL, Route.CLOUD]
    unsure = World(
        local=Script(pieces=["maybe "] * 20, scores=[UNSURE] * 20),
        windows=[Window("leaving", Resource.CLOUD_SHARE, 0.5, 86_400)],
    )
    answers = [unsure.ask(EASY) for _ in range(4)]
    assert [answer.egress.sent for answer in answers] == [False, True, False, True]
    state = unsure.ledger.state()[0]
    assert (state.spent, state.questions, state.reserved) == (2, 4, 0)


def test_a_dollar_gets_dearer_while_it_runs_short_and_the_stored_situation_says_so() -> None:
    world = World(
        cloud=Script(pieces=["from ", "the ", "cloud"], usd=0.0003),
        windows=[Window("money", Resource.USD, 0.001, 86_400)],
    )
    routes = [world.ask(HARD).route for _ in range(4)]
    situations = [Situation.from_dict(plain) for plain in world.witness.situations]
    prices = [situation.prices.dollar_usd for situation in situations]
    assert prices[0] == 1.0
    assert min(prices[1:]) > 10
    assert routes[0] is Route.CLOUD
    assert routes[-1] is Route.LOCAL
    for situation, decision in zip(situations, world.witness.decisions, strict=True):
        assert decide(situation, asked(question=HARD), decision.id).route is decision.route


def test_when_little_is_left_the_answer_is_shorter_and_then_refused_until_the_window_opens() -> None:
    world = World(
        terms=CloudUnavailable("no link"),
        local=Script(pieces=["word "] * 300),
        joules_per_step=0.5,
        windows=[Window("energy", Resource.DEVICE_JOULES, 60, 3600)],
    )
    tokens: list[int] = []
    with pytest.raises(BudgetExhausted) as refused:
        tokens.extend(world.ask(EASY, sampling=Sampling(max_tokens=40)).usage.completion_tokens for _ in range(9))
    assert len(tokens) > 1
    assert tokens == sorted(tokens, reverse=True)
    assert refused.value.reopens_at == world.clock.now().replace(hour=10, minute=0)
    assert "'energy' opens again at 2026-01-05 10:00:00 UTC" in refused.value.remedy
    state = world.ledger.state()[0]
    assert state.spent <= state.window.limit
    assert state.reserved == 0


def test_who_is_outrun_each_time_is_refused_and_that_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window("energy", Resource.DEVICE_JOULES, 900, 3600)
    world = World(windows=[window])
    monkeypatch.setattr(MemoryLedgerStore, "reserve", lambda *_, **__: window)  # whoever asks, others were quicker
    with pytest.raises(BudgetExhausted, match="other questions took"):
        world.ask(EASY)
    [refusal], [situation] = world.witness.refusals, world.witness.situations
    assert {rule for rule, _ in refusal.excluded.values()} == {"outrun"}
    assert replay(refusal, situation).same_end


class Slowed:
    """A processor at half its clock."""

    def speed(self) -> float:
        return 0.5


def test_a_device_that_is_slowed_down_takes_longer_and_the_cloud_does_not() -> None:
    usual, slowed = plan(asked(), Shelf()), plan(asked(), Shelf(), processor=Slowed())
    assert (usual.situation.device_speed, slowed.situation.device_speed) == (1.0, 0.5)
    before, now = usual.situation.local, slowed.situation.local
    assert now.decode_ms.expected == 2 * before.decode_ms.expected
    assert now.first_token_ms.expected == 2 * before.first_token_ms.expected
    assert now.decode_joules == before.decode_joules
    assert slowed.situation.cloud == usual.situation.cloud
    assert Situation.from_dict(slowed.situation.to_dict()) == slowed.situation


def test_a_fitted_router_takes_the_place_of_the_prior() -> None:
    fitted = plan(asked(question=EASY), Shelf(), router=Router.shipped()).situation
    chances = Router.shipped().chances(EASY)
    assert fitted.local.quality.expected == chances.device
    assert fitted.cloud is not None
    assert fitted.cloud.quality.expected == chances.cloud
    assert plan(asked(question=EASY), Shelf()).situation.local.quality.expected == prior(Features.of(EASY)).device


class Tutor:
    """Teaches that the cloud is of no use for anything."""

    def lesson(self, decision_id: str, *, local: float, cloud: float) -> Lesson:
        lesson = Learned.of([], "prior:uplift").lesson(local, cloud, decision_id=decision_id, say=1.0)
        return replace(lesson, cloud=-1.0)


def test_what_was_learned_stands_in_the_situation_and_turns_the_route() -> None:
    hard = Request(id="r", messages=(Message("user", HARD),))
    untaught, taught = plan(hard, Shelf()), plan(hard, Shelf(), teacher=Tutor())
    assert (untaught.decision.route, taught.decision.route) == (Route.CLOUD, Route.LOCAL)
    assert untaught.situation.lesson is None
    assert taught.situation.lesson == Tutor().lesson(
        "d1",
        local=prior(Features.of(HARD)).device,
        cloud=prior(Features.of(HARD)).cloud,
    )


def test_nothing_is_learned_or_tried_where_a_record_stays_at_home() -> None:
    question = Request(id="r", messages=(Message("user", HARD),))
    assert plan(question, Shelf(hit(PERSONAL)), teacher=Tutor()).situation.lesson is None
