"""The one door out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.errors import EgressRefused, InvalidRequest
from orchestrator.privacy.egress import OutboundMessage, arrived, clear
from orchestrator.tools import Tool
from orchestrator.types import Message, Recalled, Record, Sensitivity


def hit(label: Sensitivity) -> Recalled:
    return Recalled(Record(kind="note", body="x", sensitivity=label, id=7), relevance=0.5)


def test_public_messages_and_records_are_cleared() -> None:
    outbound = clear([Message("user", "hi")], recalled=[hit(Sensitivity.PUBLIC)], prefix="well").outbound
    assert (outbound.messages, outbound.prefix, outbound.record_ids) == (
        (OutboundMessage("user", arrived("hi")),),
        "well",
        (7,),
    )


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_a_message_or_record_above_public_is_refused_without_quoting_it(label: Sensitivity) -> None:
    for messages, recalled in (([Message("user", "secret", label)], []), ([Message("user", "hi")], [hit(label)])):
        with pytest.raises(EgressRefused) as refused:
            clear(messages, recalled=recalled)
        assert "secret" not in str(refused.value)
        assert label in refused.value.message


def test_what_brings_tools_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="tools"):
        clear([Message("system", "", tools=(Tool("f"),)), Message("user", "hi")])


def test_nothing_else_can_make_text_that_may_leave() -> None:
    outbound = clear([Message("user", "hi")]).outbound
    with pytest.raises(ValueError, match="door"):
        replace(outbound, prefix=arrived("mine"))  # type: ignore[call-arg]
    with pytest.raises(EgressRefused):
        replace(outbound, prefix=arrived("mine"), door=object())
