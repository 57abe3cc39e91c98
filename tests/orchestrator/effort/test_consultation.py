"""Consultation in the engine: only the general question leaves, the device answers, and it does without the cloud."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window
from orchestrator.effort.consultation import GENERAL_TOKENS, with_own_case
from orchestrator.effort.strategy import EffortRules
from orchestrator.errors import CloudTruncated, CloudUnavailable, EdgewiseError
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.rules import Action, EgressRules
from orchestrator.routing.policy import decide
from orchestrator.routing.situation import Situation
from orchestrator.testing import Script, ShelfStore, WordDetector
from orchestrator.types import (
    Answer,
    Budget,
    Effort,
    Message,
    Recalled,
    Recollection,
    Record,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
)
from tests.orchestrator import world

QUESTION = "Which antibiotic could I get for strep throat, given my allergies?"
GENERAL = "Which antibiotic could people get for strep throat?"
CANARIES = ("penicillin", "adrenaline", "2009", "allerg")
RECORD = Record(
    kind="note",
    title="Allergies",
    body="Allergic to penicillin, in 2009 with adrenaline",
    sensitivity=Sensitivity.PRIVATE,
    id=12,
)
SAID = Script(pieces=["Amoxicillin ", "or azithromycin."], usd=0.0001)
ALONE = Script(pieces=["Allergic ", "to penicillin."])
BOTH = f"From your own records: Allergies: {RECORD.body}\n\nIn general: Amoxicillin or azithromycin."


class World(world.World):
    """With one private record, and a cloud that knows antibiotics."""

    def __init__(self, *local: Script, cloud: Script = SAID, record: Record = RECORD, **options: Any) -> None:
        records = options.pop("records", [Recalled(record, 0.4)])
        super().__init__(local=local or [ALONE], cloud=cloud, records=records, **options)

    @property
    def sent(self) -> str:
        """All that the cloud was shown, in lower case."""
        return "\n".join(message.text for asked in self.cloud.asked for message in asked.messages).lower()

    def consult(self, question: str = QUESTION, **options: Any) -> Answer:
        return self.ask(question, effort=Effort.CONSULT, **options)


def test_only_the_general_question_leaves_and_the_device_answers() -> None:
    world = World(windows=[Window("money", Resource.USD, 1.0, 86_400)])
    answer = world.consult()
    assert answer.text == BOTH
    assert world.local.asked == []
    assert (answer.route, answer.model, answer.usd) == (Route.LOCAL, "scripted-local", 0.0001)
    assert (answer.egress.sent, answer.egress.record_ids) == (True, ())
    assert answer.egress.asked.startswith(GENERAL)
    assert (answer.record_ids, answer.sensitivity) == ((12,), Sensitivity.PRIVATE)
    assert "only a general question left" in answer.reason
    assert [len(world.cloud.asked), world.cloud.asked[0].sampling.max_tokens] == [1, GENERAL_TOKENS]
    assert GENERAL.lower() in world.sent
    assert not any(canary in world.sent for canary in CANARIES)
    (state,) = world.ledger.state()
    assert (state.spent, state.reserved) == (0.0001, 0)


def test_what_was_cut_at_its_length_ends_with_a_sentence() -> None:
    long = Script(pieces=["Amoxicillin.", *[" and"] * 200])
    assert World(cloud=long).consult().text.endswith("In general: Amoxicillin.")


def test_only_private_records_are_quoted_and_only_the_best() -> None:
    others = [replace(RECORD, id=n, title=f"Note {n}", body="x" * n) for n in (1, 2)]
    public = replace(RECORD, id=3, title="Tea", body="green", sensitivity=Sensitivity.PERSONAL)
    hits = [Recalled(record, 0.4) for record in (public, RECORD, *others)]
    answer = World(records=hits).consult()
    assert "Allergies" in answer.text
    assert "Note 1" in answer.text
    assert "Tea" not in answer.text
    assert "Note 2" not in answer.text


@pytest.mark.parametrize("pieces", [[], ["Amoxi", "cillin"]])
@pytest.mark.parametrize("fault", [CloudTruncated("cut"), CloudUnavailable("gone")])
def test_without_the_cloud_the_device_answers_alone(pieces: list[str], fault: Exception) -> None:
    world = World(cloud=Script(pieces=pieces, fault=fault, fault_after=len(pieces)))
    answer = world.consult()
    assert answer.text == "Allergic to penicillin."
    assert answer.route is Route.LOCAL
    assert "amoxi" not in str(world.local.asked).lower()
    assert "the device answered alone" in answer.reason


def test_a_cloud_that_is_slow_leaves_the_device_its_time() -> None:
    slow = Script(pieces=["and ", "so "] * 40, token_ms=900)
    answer = World(cloud=slow).consult(budget=Budget(total_ms=40_000))
    assert answer.text == "Allergic to penicillin."


@pytest.mark.parametrize(
    "options",
    [
        {"local_only": True},
        {"route": RoutePreference.LOCAL},
        {"prefix": "Take"},
        {"budget": Budget(usd=0.0)},
        {"question": "Does penicillin help against strep throat?"},
        {"question": "What is my blood type?"},
    ],
)
def test_in_doubt_nothing_leaves(options: dict[str, Any]) -> None:
    world = World()
    answer = world.consult(**options)
    assert world.cloud.asked == []
    assert (answer.route, answer.egress.sent) == (Route.LOCAL, False)
    assert "without consult, which was asked for" in answer.reason


def test_a_link_that_is_not_needed_is_not_touched() -> None:
    world = World()
    world.ask(QUESTION)
    world.consult("Does penicillin help against strep throat?")
    world.consult(local_only=True)
    assert world.cloud.contacts == 0


@pytest.mark.parametrize("label", [Sensitivity.PUBLIC, Sensitivity.PERSONAL])
def test_there_is_no_consultation_without_a_private_record(label: Sensitivity) -> None:
    world = World(record=replace(RECORD, sensitivity=label))
    world.consult(route=RoutePreference.AUTO)
    assert "consult" not in {prediction.name for prediction in world.witness.decisions[0].predictions}


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_a_question_that_may_not_leave_is_not_made_general(label: Sensitivity) -> None:
    world = World()

    async def ask() -> None:
        messages = (Message("user", QUESTION, label),)
        async for _ in world.engine.run(Request(id="r", messages=messages, effort=Effort.CONSULT)):
            pass

    asyncio.run(ask())
    assert world.cloud.asked == []


class Drawers(ShelfStore):
    """A store that finds a record only by what it is about."""

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        return self.recollection if question == "my allergies" else Recollection(personal=True)


def test_records_are_recalled_by_what_the_question_says_of_the_users_own_case() -> None:
    found = Recollection((Recalled(RECORD, 1.0),), confidence=0.9)
    assert World(context=Drawers(found)).consult().text == BOTH
    assert World(context=Drawers(found)).consult("What are my allergies?").egress.sent is False
    both = with_own_case(Recollection((Recalled(RECORD, 0.1), *_OTHER), personal=True), found, QUESTION)
    assert [hit.record.id for hit in both] == [12, 5]
    assert both[0].relevance == pytest.approx(1 / 4), "they answer one word of four"
    assert (both.confidence, both.personal) == (0.9, True)


_OTHER = (Recalled(replace(RECORD, id=5), 0.3),)


def test_what_is_found_in_the_question_is_not_asked_about() -> None:
    lena = Finding(Kind.PERSON, 0, 0, Sensitivity.PERSONAL, "name")
    question = "How should I greet lena at a party, given her illness?"
    for rules, asked in ((EgressRules(), 1), (EgressRules(personal=Action.KEEP), 0)):
        world = World(disclosure=Disclosure(rules=rules, detector=WordDetector({"lena": lena})))
        answer = world.consult(question)
        assert len(world.cloud.asked) == asked
        assert "lena" not in world.sent
        assert answer.egress.asked.startswith("How should people greet someone at a party?" if asked else "")


def test_a_question_about_the_users_own_life_is_no_general_one() -> None:
    private = Recollection((Recalled(RECORD, 0.9),), confidence=0.9, personal=True)
    world = World(recollection=private)
    world.consult("Which antibiotic helps against strep throat?")
    assert world.cloud.asked == []


def test_a_configured_consultation_is_chosen_where_it_pays_and_replays() -> None:
    world = World(effort=EffortRules(strategies=(Effort.CONSULT,)))
    hard = "Explain in detail why and how people compare antibiotics, given my allergies, and prove each step."
    answer = world.ask(hard)
    decision, situation = world.witness.decisions[0], Situation.from_dict(world.witness.situations[0])
    assert (decision.route, decision.effort, decision.rule) == (Route.LOCAL, Effort.CONSULT, "best_effort")
    assert "private record 12 is needed" in answer.reason
    again = decide(situation, Request(id="r1", messages=()), decision.id)
    assert again == decision
    assert world.ask("Which antibiotic?").egress.sent is False, "an easy one is not worth that anything leaves"


def test_both_legs_are_reserved_before_either_runs() -> None:
    world = World()
    world.consult()
    (decision,) = world.witness.decisions
    assert decision.worst_case.cloud_requests == 1
    assert decision.worst_case.questions == 1
    words = len(f"Be brief. {GENERAL} Answer in two or three sentences.".split())
    assert decision.worst_case.usd == pytest.approx(words * 1e-6 + GENERAL_TOKENS * 2e-6)
    alone = World()
    alone.ask(QUESTION, effort=Effort.NONE)
    (other,) = alone.witness.decisions
    assert decision.worst_case.device_joules > other.worst_case.device_joules


_WORDS = "penicillin nuts Lena knee I my given which antibiotic can should help with , ? strep 2009"
words = st.sampled_from(_WORDS.split())


@settings(max_examples=60)
@given(
    question=st.lists(words, min_size=1, max_size=12).map(" ".join),
    body=st.lists(words, max_size=8).map(" ".join),
    cloud=st.sampled_from([SAID, Script(pieces=["x"], fault=CloudTruncated("x")), Script(pieces=["a "] * 200)]),
    usd=st.sampled_from([None, 0.0, 0.0002, 0.01]),
    joules=st.sampled_from([None, 8.0, 40.0]),
    local_only=st.booleans(),
    patience=st.sampled_from([None, 0, 5, 30]),
)
def test_any_consultation_ends_once_within_its_windows_and_tells_nothing(
    question: str,
    body: str,
    cloud: Script,
    usd: float | None,
    joules: float | None,
    local_only: bool,
    patience: int | None,
) -> None:
    """Laws 1 to 4: `patience` is how many turns of the loop the caller has before it goes away."""
    windows = [Window("money", Resource.USD, 0.001, 86_400), Window("energy", Resource.DEVICE_JOULES, 150, 3600)]
    world = World(cloud=cloud, record=replace(RECORD, body=body), windows=windows)

    async def ask() -> None:
        budget = Budget(usd=usd, device_joules=joules, total_ms=20_000)
        run = world.run(question, effort=Effort.CONSULT, budget=budget, local_only=local_only)
        task = asyncio.create_task(run)
        for _ in range(patience or 0):
            await asyncio.sleep(0)
        if patience is not None:
            task.cancel()
        with contextlib.suppress(EdgewiseError, asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert len([*world.witness.answers, *world.witness.failures]) <= 1
    assert not world.cloud.asked or not local_only
    # The words of the system text and of the instruction are ours.
    asked = [
        asked.messages[-1].text.lower().removesuffix("answer in two or three sentences.") for asked in world.cloud.asked
    ]
    assert not any(word in said.split() for said in asked for word in ("penicillin", "nuts", "knee") if word in body)
    for state in world.ledger.state():
        assert state.reserved == 0
        assert state.spent <= state.window.limit or state.window.resource is not Resource.USD
