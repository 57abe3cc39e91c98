"""A preview says what would leave, and is right: what is then asked is what leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.budget import Resource, Window
from orchestrator.preview import ASSUMED_TOKENS, Preview, preview
from orchestrator.privacy.finding import Kind
from orchestrator.privacy.rules import Action
from orchestrator.types import Message, Recalled, Record, Request, Route, RoutePreference, Sensitivity
from tests.orchestrator.test_boundary import DINNER, Asking, world
from tests.orchestrator.world import EASY, HARD, PRICED, World, hit

PUBLIC, PERSONAL, PRIVATE = Sensitivity
CLOUD = RoutePreference.CLOUD
BOILER = Recalled(Record(kind="note", title="Boiler", body="a Vaillant", sensitivity=PUBLIC, id=9), 0.8)


def look(here: World, question: str = EASY, **options: Any) -> Preview:
    request = Request(id="r1", messages=(Message("user", question),), **options)
    return asyncio.run(preview(here.planner, request, destination="gateway:443", terms=PRICED))


@pytest.mark.parametrize("personal", [Action.REDACT, Action.ASK, Action.ALLOW])
@pytest.mark.parametrize(
    "question", ["When is dinner with Anna Weber?", "When was Marie Curie born?", HARD, "Call Anna on 020 7946 0000"]
)
@pytest.mark.parametrize("prefix", ["", "With Anna "])
def test_what_is_shown_is_what_then_leaves(personal: Action, question: str, prefix: str) -> None:
    day = Window("day", Resource.CLOUD_REQUESTS, 10, 86_400)
    here = world(personal, Asking(answer=True), records=[DINNER, BOILER], windows=[day])
    shown = look(here, question, route=CLOUD, prefix=prefix)
    assert (here.cloud.contacts, here.cloud.asked) == (0, [])
    assert [state.reserved for state in here.ledger.state()] == [0]
    assert shown.leaves
    assert shown.outbound is not None
    answer = here.ask(question, route=CLOUD, prefix=prefix)
    (asked,) = here.cloud.asked
    assert (shown.outbound.messages, shown.outbound.prefix) == (asked.messages, asked.prefix)
    assert shown.outbound.record_ids == answer.egress.record_ids
    assert sum(shown.outbound.redactions.values()) == answer.egress.redactions
    assert shown.decision is not None
    assert (shown.decision.route, shown.decision.rule) == (Route.CLOUD, here.witness.decisions[0].rule)


def test_nobody_is_asked_for_consent() -> None:
    asking = Asking(answer=True)
    shown = look(world(Action.ASK, asking, records=[DINNER]), "Call Anna Weber", route=CLOUD)
    assert shown.outbound is not None
    assert (shown.outbound.action, shown.outbound.label, asking.asked) == (Action.ASK, PERSONAL, [])


def test_each_record_is_shown_with_what_would_become_of_it() -> None:
    here = world(records=[DINNER, BOILER])
    shown = look(here, "When is dinner with Anna Weber?", route=CLOUD)
    assert [(each.id, each.label, each.action) for each in shown.records] == [
        (7, PERSONAL, Action.REDACT),
        (9, PUBLIC, Action.ALLOW),
    ]
    assert shown.outbound is not None
    assert shown.outbound.redactions[Kind.PERSON] == 3


def test_what_stays_is_shown_with_its_reason() -> None:
    shown = look(World(records=[hit(PRIVATE)]), route=CLOUD)
    assert (shown.outbound, shown.leaves) == (None, False)
    assert shown.kept == "private record 12 is needed: stays on the device"
    assert [(each.id, each.label, each.action) for each in shown.records] == [(12, PRIVATE, Action.KEEP)]


def test_a_question_that_the_device_would_answer_shows_what_a_handoff_would_send() -> None:
    shown = look(world(records=[BOILER]), "Which boiler is it?")
    assert shown.decision is not None
    assert (shown.decision.route, shown.leaves) == (Route.LOCAL, False)
    assert shown.outbound is not None
    assert "a Vaillant" in shown.outbound.messages[-1].text


def test_without_known_terms_it_is_taken_to_be_free() -> None:
    here = world()
    request = Request(id="r1", messages=(Message("user", HARD),))
    shown = asyncio.run(preview(here.planner, request, destination="gateway:443", terms=None))
    assert shown.terms is None
    assert shown.decision is not None
    cloud = next(each for each in shown.decision.predictions if each.route is Route.CLOUD)
    assert cloud.usd.high == 0
    assert ASSUMED_TOKENS > 0


def test_local_only_keeps_all() -> None:
    shown = look(world(records=[BOILER]), local_only=True)
    assert (shown.outbound, shown.leaves) == (None, False)
    assert shown.kept
