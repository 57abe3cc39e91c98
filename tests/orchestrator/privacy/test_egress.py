"""The one door out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import EgressRefused, InvalidRequest
from orchestrator.privacy.egress import OutboundMessage, arrived, clear
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.rules import Action, EgressRules
from orchestrator.testing import WordDetector
from orchestrator.tools import Tool
from orchestrator.types import Message, Recalled, Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity


def found(kind: Kind, label: Sensitivity = PERSONAL, source: str = "name") -> Finding:
    return Finding(kind, 0, 0, label, source)


WORDS = {
    "Felix": found(Kind.PERSON, PRIVATE, "record 4"),
    "4111": found(Kind.CREDIT_CARD, PRIVATE, "pattern"),
    "Anna": found(Kind.PERSON, source="record 3"),
    "Ravel": found(Kind.PERSON),
    "020": found(Kind.PHONE_NUMBER, source="pattern"),
    "Acme": found(Kind.ORGANIZATION),
    "Leeds": found(Kind.GPE),
    "Kiel": found(Kind.GPE, PRIVATE, "record 4"),
    "Monday": found(Kind.DATE_TIME),
}
SHARED = {"Acme", "Leeds", "Kiel", "Monday"}
"""What half the world shares."""
DETECTOR = WordDetector(WORDS)
OPENINGS = ["When was", "my friend", "Call", "It is", ""]
said = st.lists(st.sampled_from([*WORDS, "and", "bees", "PERSON_1"]), max_size=5).map(" ".join)
texts = st.tuples(st.sampled_from(OPENINGS), said).map(" ".join)
labels = st.sampled_from(Sensitivity)
turns = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts, labels)
some_rules = st.builds(EgressRules, personal=st.sampled_from(Action), public=st.sampled_from(Action))


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


def words_in(*texts: str) -> set[str]:
    return {finding_word for text in texts for finding_word in text.split()} & WORDS.keys()


@given(st.lists(turns, min_size=1, max_size=4), some_rules, texts, labels, st.lists(labels, max_size=2))
def test_nothing_private_and_nothing_personal_that_is_redacted_is_in_what_leaves(
    messages: list[Message], rules: EgressRules, prefix: str, made_from: Sensitivity, records: list[Sensitivity]
) -> None:
    recalled = [hit(label) for label in records]
    given_labels = {*(message.sensitivity for message in messages), *records}
    try:
        cleared = clear(
            messages,
            rules=rules,
            detector=DETECTOR,
            redaction=Redaction(),
            recalled=recalled,
            prefix=prefix,
            made_from=made_from,
        )
    except EgressRefused:
        return
    sent = [*(message.text for message in cleared.outbound.messages), cleared.outbound.prefix]
    left = words_in(*sent)
    assert not any(rules.keeps(label) for label in given_labels)
    assert not {word for word in left - SHARED if WORDS[word].label is PRIVATE}
    if rules.personal in (Action.KEEP, Action.REDACT):
        assert left <= {*SHARED, "Ravel"}, "a stranger may be what a question about the world is about"
        personal = [message.text for message in messages if message.sensitivity is PERSONAL]
        assert not left & words_in(*personal), "what a personal text names is named nowhere"
    if rules.public is Action.REDACT:
        assert not left


@given(st.lists(turns, min_size=1, max_size=3), some_rules)
def test_what_is_sent_back_is_restored_to_what_was_asked(messages: list[Message], rules: EgressRules) -> None:
    redaction = Redaction()
    try:
        cleared = clear(messages, rules=rules, detector=DETECTOR, redaction=redaction)
    except EgressRefused:
        return
    for message, sent in zip(messages, cleared.outbound.messages, strict=True):
        restorer = redaction.restorer()
        assert restorer.push(sent.text) + restorer.flush() == message.text


def test_what_should_be_redacted_is_refused_where_nothing_can_redact() -> None:
    talk = [Message("user", "Anna", PERSONAL)]
    for tools in ({}, {"detector": DETECTOR}, {"redaction": Redaction()}):
        with pytest.raises(EgressRefused):
            clear(talk, rules=EgressRules(), **tools)


def test_a_record_is_not_let_out_in_a_message_that_has_a_lower_label() -> None:
    with pytest.raises(EgressRefused):
        clear(
            [Message("user", "hi")],
            rules=EgressRules(),
            detector=DETECTOR,
            redaction=Redaction(),
            recalled=[hit(PERSONAL)],
        )
