"""What each route's model would be shown of a conversation."""

from __future__ import annotations

import asyncio
from datetime import datetime

from orchestrator.budget import Deadline, Ledger, MemoryLedgerStore
from orchestrator.link import Link
from orchestrator.planner import Plan, Planner
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.policy import Prices
from orchestrator.testing import ManualClock, Script, ScriptedCloudModel, ScriptedModel
from orchestrator.types import Message, Recalled, Recollection, Record, Request, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity


class Shelf:
    """A context store that recalls the same records for every question, and notes in which conversation."""

    def __init__(self, *hits: Recalled) -> None:
        self.hits = hits
        self.conversations: list[str] = []

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        self.conversations.append(conversation)
        return Recollection(self.hits[:limit], confidence=1.0)


def plan(request: Request, shelf: Shelf) -> Plan:
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
