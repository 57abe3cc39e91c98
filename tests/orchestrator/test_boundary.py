"""What of a request crosses the boundary, in whatever way it goes: labels, rules and findings through the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import CloudUnavailable
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.rules import Action, EgressRules
from orchestrator.routing.policy import decide
from orchestrator.routing.situation import Situation
from orchestrator.testing import UNSURE, Script, ShelfStore, WordDetector
from orchestrator.types import (
    Answer,
    Effort,
    Message,
    Recalled,
    Record,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
)
from tests.orchestrator.world import EASY, HARD, World

PUBLIC, PERSONAL, PRIVATE = Sensitivity
CLOUD = RoutePreference.CLOUD


def found(kind: Kind, label: Sensitivity = PERSONAL, source: str = "name") -> Finding:
    return Finding(kind, 0, 0, label, source)


WORDS = {
    "Anna Weber": found(Kind.PERSON, source="record 3"),
    "Anna": found(Kind.PERSON, source="record 3"),
    "Felix": found(Kind.PERSON, PRIVATE, "record 4"),
    "Marie Curie": found(Kind.PERSON),
    "Leeds": found(Kind.GPE),
    "Tuesday": found(Kind.DATE_TIME),
    "4111": found(Kind.CREDIT_CARD, PRIVATE, "pattern"),
    "020 7946 0000": found(Kind.PHONE_NUMBER, source="pattern"),
}
DINNER = Recalled(
    Record(kind="event", title="Dinner", body="with Anna Weber in Leeds on Tuesday", sensitivity=PERSONAL, id=7), 0.9
)


class Asking:
    """Consent that answers as told, and remembers what it was asked."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[ConsentRequest] = []

    async def allows(self, request: ConsentRequest) -> bool:
        self.asked.append(request)
        return self.answer


def world(personal: Action = Action.REDACT, consent: Asking | None = None, **options: Any) -> World:
    disclosure = Disclosure(
        rules=EgressRules(personal=personal),
        destination="gateway:443",
        detector=WordDetector(WORDS),
        consent=consent,
    )
    return World(disclosure=disclosure, **options)


def wire(world: World) -> str:
    """All that ever left."""
    return "\n".join([*(m.text for asked in world.cloud.asked for m in asked.messages), *prefixes(world)])


def prefixes(world: World) -> list[str]:
    return [asked.prefix for asked in world.cloud.asked]


def converse(world: World, *messages: Message, **options: Any) -> Answer:
    async def run() -> Answer:
        [*_, answer] = [event async for event in world.engine.run(Request(id="r", messages=messages, **options))]
        assert isinstance(answer, Answer)
        return answer

    return asyncio.run(run())


def test_a_personal_record_leaves_redacted_and_comes_back_as_it_was() -> None:
    cloud = Script(pieces=["You see PER", "SON_1 in ", "PLACE_1 on DATE", "_1."])
    here = world(records=[DINNER], cloud=cloud)
    answer = here.ask("When is dinner with Anna Weber?", route=CLOUD)
    assert "When is dinner with PERSON_1?\n\nDinner: with PERSON_1 in PLACE_1 on DATE_1" in wire(here)
    assert answer.text == "You see Anna Weber in Leeds on Tuesday."
    assert answer.egress.sent
    assert answer.egress.record_ids == (7,)
    assert answer.egress.redactions == 5
    assert answer.sensitivity is PERSONAL


@pytest.mark.parametrize("question", ["What is the capital of Leeds?", "When was Marie Curie born?"])
def test_a_question_about_the_world_goes_as_it_is(question: str) -> None:
    here = world()
    answer = here.ask(question, route=CLOUD)
    assert question in wire(here).splitlines()
    assert (answer.egress.redactions, answer.sensitivity) == (0, PUBLIC)


def test_who_is_named_in_a_question_is_not_named_on_the_wire_and_its_answer_is_personal() -> None:
    here = world()
    answer = here.ask("Call Marie Curie on 020 7946 0000 in Leeds", route=CLOUD)
    assert "Call PERSON_1 on PHONE_1 in PLACE_1" in wire(here).splitlines()
    assert (answer.egress.redactions, answer.sensitivity) == (3, PERSONAL)


@pytest.mark.parametrize("question", ["Is 4111 my card?", f"{HARD} for Felix"])
@pytest.mark.parametrize("personal", Action)
def test_what_is_private_in_a_question_keeps_it_here_and_no_rule_changes_that(question: str, personal: Action) -> None:
    here = world(personal, Asking(answer=True))
    answer = here.ask(question, route=CLOUD)
    assert (answer.route, here.cloud.contacts, here.cloud.asked) == (Route.LOCAL, 0, [])
    assert here.witness.decisions[0].rule == "private_question"
    assert (answer.reason, answer.sensitivity) == (
        "something private is in the question itself: it stays on the device",
        PRIVATE,
    )


def test_a_turn_with_something_private_makes_the_conversation_private() -> None:
    here = world()
    answer = converse(here, Message("user", "My card is 4111"), Message("assistant", "Noted."), Message("user", HARD))
    assert (answer.route, here.cloud.asked) == (Route.LOCAL, [])
    assert here.witness.decisions[0].rule == "private_conversation"


def test_earlier_turns_have_the_same_stand_ins_as_the_question() -> None:
    here = world()
    said = (Message("user", "Anna Weber is here", PERSONAL), Message("assistant", "Hello, Anna Weber", PERSONAL))
    converse(here, *said, Message("user", "What does Anna Weber do?"), route=CLOUD)
    assert [message.text for message in here.cloud.asked[0].messages[1:]] == [
        "PERSON_1 is here",
        "Hello, PERSON_1",
        "What does PERSON_1 do?",
    ]


def test_an_answer_about_the_world_goes_along_as_it_is() -> None:
    here = world()
    said = (Message("user", "When was Marie Curie born?"), Message("assistant", "Marie Curie was born in 1867."))
    converse(here, *said, Message("user", "And where?"), route=CLOUD)
    assert "Marie Curie was born in 1867." in wire(here)


@pytest.mark.parametrize("personal", [Action.KEEP, Action.REDACT])
def test_a_record_that_mentions_something_private_is_withheld(personal: Action) -> None:
    mail = replace(DINNER, record=replace(DINNER.record, body="with Felix"))
    here = world(personal, records=[mail])
    answer = here.ask(HARD, route=CLOUD)
    assert (answer.route, answer.egress.record_ids) == (Route.CLOUD, ())
    assert "Dinner" not in wire(here)


def test_what_is_kept_does_not_leave_and_is_missed() -> None:
    kept = world(Action.KEEP, records=[DINNER])
    kept.ask(HARD, route=CLOUD)
    assert "Dinner" not in wire(kept)
    sent = world(records=[DINNER])
    sent.ask(HARD, route=CLOUD)
    missed, had = (Situation.from_dict(each.witness.situations[0]) for each in (kept, sent))
    assert (len(missed.withheld), len(had.withheld)) == (1, 0)
    assert missed.cloud is not None
    assert had.cloud is not None
    assert missed.cloud.quality.expected < had.cloud.quality.expected


def test_what_is_allowed_goes_as_it_is() -> None:
    here = world(Action.ALLOW, records=[DINNER])
    answer = here.ask("When is dinner with Anna Weber?", route=CLOUD)
    assert "with Anna Weber in Leeds" in wire(here)
    assert answer.egress.redactions == 0


@pytest.mark.parametrize("consent", [None, Asking(answer=False)])
def test_without_consent_the_device_answers_and_says_why(consent: Asking | None) -> None:
    here = world(Action.ASK, consent, records=[DINNER])
    answer = here.ask("When is dinner with Anna Weber?", route=CLOUD)
    assert (answer.route, here.cloud.asked, answer.egress.sent) == (Route.LOCAL, [], False)
    assert "it was not agreed that this leaves (`edgewise ask` asks you, in a terminal)" in answer.reason
    assert all(state.reserved == 0 for state in here.ledger.state())


def test_a_no_holds_for_the_whole_question() -> None:
    """The device's answer falters, and the cloud could do better: nobody is asked a second time."""
    consent = Asking(answer=False)
    here = world(
        Action.ASK, consent, records=[DINNER], local=Script(pieces=["who ", "knows"] * 10, scores=[UNSURE] * 20)
    )
    answer = here.ask("When is dinner with Anna Weber?", route=CLOUD)
    assert (answer.route, len(consent.asked)) == (Route.LOCAL, 1)
    assert answer.reason.count("it was not agreed") == 1


def test_consent_is_asked_for_what_leaves_to_the_letter() -> None:
    consent = Asking(answer=True)
    here = world(Action.ASK, consent, records=[DINNER])
    here.ask("When is dinner with Anna Weber?", route=CLOUD)
    [request] = consent.asked
    assert request.messages == here.cloud.asked[0].messages
    assert (request.destination, request.label) == ("gateway:443", PERSONAL)
    assert request.kinds == {Kind.PERSON, Kind.GPE, Kind.DATE_TIME}
    here.ask(EASY, route=CLOUD)
    assert len(consent.asked) == 2, "it is asked each time"


def test_consent_is_not_asked_for_what_is_public() -> None:
    consent = Asking(answer=False)
    here = world(Action.ASK, consent)
    assert here.ask("When was Marie Curie born?", route=CLOUD).route is Route.CLOUD
    assert consent.asked == []


def test_a_record_that_becomes_private_while_the_user_is_asked_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(Action.ASK, Asking(answer=True), records=[DINNER])
    monkeypatch.setattr(ShelfStore, "sensitivities", lambda *_: {7: PRIVATE})
    assert here.ask(HARD, route=CLOUD).route is Route.LOCAL
    assert here.cloud.asked == []


def test_a_faltering_answer_is_handed_over_redacted() -> None:
    here = world(local=Script(pieces=["Anna Weber "] * 20, scores=[UNSURE] * 20), records=[DINNER])
    answer = here.ask("What is it with Anna Weber?")
    assert answer.route is Route.HANDOFF
    assert "the cloud was asked" in answer.reason
    assert "Anna" not in wire(here)


def test_a_faltering_answer_that_may_not_leave_does_not_say_that_the_cloud_was_asked() -> None:
    unsure = Script(pieces=["Anna Weber "] * 20, scores=[UNSURE] * 20)
    here = world(Action.ASK, Asking(answer=False), local=unsure, records=[DINNER])
    answer = here.ask("What is it with Anna Weber?")
    assert (answer.route, here.cloud.asked) == (Route.LOCAL, [])
    assert "it was not agreed that this leaves" in answer.reason
    assert "the cloud was asked" not in answer.reason


def test_a_cloud_answer_that_breaks_off_goes_on_at_home_with_the_names_in_it() -> None:
    cloud = Script(pieces=["It is PERSON_1", ", she ", "lives"], fault=CloudUnavailable("gone"), fault_after=2)
    here = world(records=[DINNER], cloud=cloud)
    answer = here.ask("Who comes: Anna Weber?", route=CLOUD)
    assert here.local.asked[0].prefix == "It is Anna Weber, she "
    assert answer.text.startswith("It is Anna Weber, she ")


def test_a_callers_beginning_of_the_answer_is_redacted_too() -> None:
    here = world(cloud=Script(pieces=[" in PLACE_1, PERSON_1"]))
    answer = here.ask("Where is she?", route=CLOUD, prefix="Anna Weber lives in Leeds. She is")
    assert prefixes(here) == ["PERSON_1 lives in PLACE_1. She is"]
    assert answer.text == " in Leeds, Anna Weber"


def test_a_draft_that_is_checked_leaves_redacted() -> None:
    here = world(local=Script(pieces=["Anna Weber in Leeds"]), cloud=Script(pieces=["RIGHT"]), records=[DINNER])
    answer = here.ask("Who comes to dinner?", effort=Effort.VERIFY)
    assert answer.text == "Anna Weber in Leeds"
    assert "PERSON_1 in PLACE_1" in wire(here)
    assert "Anna" not in wire(here)


def test_a_draft_from_what_is_kept_is_not_checked() -> None:
    here = world(Action.KEEP, records=[DINNER])
    answer = here.ask("Who comes to dinner?", effort=Effort.VERIFY)
    assert "kept" in here.witness.decisions[0].excluded["verify"] or "stays on the device" in answer.reason
    assert here.cloud.asked == []


def test_a_decision_under_rules_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    for personal in Action:
        here = world(personal, Asking(answer=True), records=[DINNER])
        here.ask(HARD)
        situation = Situation.from_dict(here.witness.situations[0])
        assert situation.rules == EgressRules(personal=personal)
        again = decide(situation, Request(id="r1", messages=(Message("user", "?"),)), "d")
        assert again.route is here.witness.decisions[0].route


def test_a_situation_of_before_there_were_rules_means_what_it_meant() -> None:
    here = world(records=[DINNER])
    here.ask(HARD)
    plain = here.witness.situations[0]
    del plain["rules"], plain["question_label"]
    for item in plain["evidence"]:
        del item["kept"]
    assert [item.record_id for item in Situation.from_dict(plain).withheld] == [7]
