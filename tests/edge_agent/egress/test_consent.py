"""Consent: who is asked, what is remembered, and that nobody's word is a no."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.egress.consent import AskForConsent, Consents, RememberingConsent, Verdict
from edge_agent.egress.log import EgressLog
from orchestrator.errors import RecordNotFound
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.privacy.finding import Kind
from orchestrator.testing import ManualClock
from orchestrator.types import Sensitivity

HERE = "models.example:8443"


@pytest.fixture
def consents(tmp_path: Path) -> Iterator[Consents]:
    with EgressLog.open(tmp_path / "egress.db", ManualClock()) as log:
        yield log.consents


def request_for(destination: str = HERE, label: Sensitivity = Sensitivity.PERSONAL) -> ConsentRequest:
    return ConsentRequest(
        destination=destination,
        label=label,
        kinds=frozenset({Kind.PERSON}),
        messages=(OutboundMessage("user", arrived("Write to Hilde")),),
    )


def allows(consents: Consents, ask: AskForConsent | None, request: ConsentRequest | None = None) -> bool:
    return asyncio.run(RememberingConsent(consents, ask).allows(request or request_for()))


@pytest.mark.parametrize(
    ("said", "allowed", "remembered"),
    [
        (True, True, None),
        (False, False, None),
        (Verdict.ONCE, True, None),
        (Verdict.NO, False, None),
        (Verdict.ALWAYS, True, True),
        (Verdict.NEVER, False, False),
    ],
)
def test_what_is_said_holds_and_is_remembered_if_the_user_wishes(
    consents: Consents, said: bool | Verdict, allowed: bool, remembered: bool | None
) -> None:
    async def later(request: ConsentRequest) -> bool | Verdict:
        return said

    assert allows(consents, later) is allowed
    assert consents.of(Sensitivity.PERSONAL, HERE) is remembered
    assert allows(consents, lambda request: said) is allowed


def test_what_is_remembered_is_not_asked_again_and_holds_for_its_label_and_destination(consents: Consents) -> None:
    asked: list[ConsentRequest] = []

    def ask(request: ConsentRequest) -> Verdict:
        asked.append(request)
        return Verdict.ALWAYS

    assert allows(consents, ask)
    assert allows(consents, ask)
    assert allows(consents, None)
    assert asked == [request_for()]
    assert not allows(consents, None, request_for("elsewhere:1"))
    assert not allows(consents, None, request_for(label=Sensitivity.PUBLIC))


def test_where_nobody_can_be_asked_the_answer_is_no(consents: Consents) -> None:
    assert not allows(consents, None)
    assert consents.list() == []


def test_a_word_that_is_none_is_an_error_and_no_consent(consents: Consents) -> None:
    with pytest.raises(ValueError, match="perhaps"):
        allows(consents, lambda request: "perhaps")  # type: ignore[return-value,arg-type]


def test_what_is_remembered_can_be_revoked(consents: Consents) -> None:
    for destination in (HERE, "elsewhere:1"):
        for label in (Sensitivity.PERSONAL, Sensitivity.PUBLIC):
            consents.remember(label, destination, allowed=True)
    assert consents.revoke(HERE, Sensitivity.PUBLIC) == 1
    assert {(each.label.value, each.destination) for each in consents.list()} == {
        ("personal", HERE),
        ("personal", "elsewhere:1"),
        ("public", "elsewhere:1"),
    }
    with pytest.raises(RecordNotFound, match=r"elsewhere:1, models\.example:8443"):
        consents.revoke("nowhere:1")
    assert consents.revoke(HERE) == 1
    assert not allows(consents, None)
    assert consents.revoke() == 2
    assert consents.revoke() == 0
