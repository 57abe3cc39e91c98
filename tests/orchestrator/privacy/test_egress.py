"""The one door out."""

from __future__ import annotations

import pytest

from orchestrator.errors import EgressRefused
from orchestrator.privacy.egress import Outbound, clear, may_leave, sendable
from orchestrator.types import Message, Recalled, Record, Sensitivity


def hit(label: Sensitivity) -> Recalled:
    return Recalled(Record(kind="note", body="the secret", sensitivity=label, id=3), 1.0)


def test_only_public_text_leaves() -> None:
    assert [label for label in Sensitivity if may_leave(label)] == [Sensitivity.PUBLIC]
    assert [found.record.sensitivity for found in sendable([hit(label) for label in Sensitivity])] == [
        Sensitivity.PUBLIC
    ]


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_a_kept_message_or_record_is_refused_without_quoting_it(label: Sensitivity) -> None:
    for messages, recalled in (([Message("user", "the secret", label)], []), ([Message("user", "hi")], [hit(label)])):
        with pytest.raises(EgressRefused) as caught:
            clear(messages, recalled=recalled)
        assert "secret" not in str(caught.value)


def test_what_is_cleared_names_its_records() -> None:
    outbound = clear([Message("user", "hi")], recalled=[hit(Sensitivity.PUBLIC)], prefix="so")
    assert (outbound.record_ids, outbound.prefix) == ((3,), "so")


def test_nobody_else_makes_an_outbound() -> None:
    with pytest.raises(EgressRefused):
        Outbound((Message("user", "hi"),), "", (), object())
