"""What each route's model would be shown of a conversation."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from orchestrator.budget import Deadline, Ledger, MemoryLedgerStore
from orchestrator.link import Link
from orchestrator.planner import Plan, Planner
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.keeper import PromiseKeeper
from orchestrator.routing.promise import Promise
from orchestrator.routing.value import Prices
from orchestrator.testing import UNSURE, ManualClock, Script, ScriptedCloudModel, ScriptedModel, ShelfStore
from orchestrator.types import Message, Recalled, Recollection, Record, Request, Route, RoutePreference, Sensitivity
from tests.orchestrator.test_engine import EASY, HARD, World, hit

PUBLIC, PERSONAL, PRIVATE = Sensitivity


class Shelf(ShelfStore):
    """A context store that recalls the same records for every question, and notes in which conversation."""

    def __init__(self, *hits: Recalled) -> None:
        super().__init__(Recollection(hits, confidence=1.0))
        self.conversations: list[str] = []

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        self.conversations.append(conversation)
        return super().recall(question, limit=limit, now=now, conversation=conversation)


def plan(request: Request, shelf: Shelf, keeper: PromiseKeeper | None = None) -> Plan:
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
        clock=clock,
    )
    return asyncio.run(planner.plan(request, "d1", Deadline.after(clock, None)))


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
