"""Prompts within a token budget: the question is never cut, the oldest turns go first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.prompt import Composer
from orchestrator.testing import count_words
from orchestrator.tools import Tool, ToolCall
from orchestrator.types import Message, Recalled, Record, Sensitivity

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COMPOSER = Composer(
    wording=lambda record, now: record.body,
    count_tokens=count_words,
    system="Be brief.",
    records_tokens=8,
)


def hit(id: int, body: str, label: Sensitivity = Sensitivity.PERSONAL) -> Recalled:
    return Recalled(Record(kind="note", body=body, id=id, sensitivity=label), 1.0)


def test_records_go_in_with_todays_date() -> None:
    prompt = COMPOSER.compose([Message("user", "when?")], [hit(7, "on Tuesday")], now=NOW, window_tokens=100)
    assert prompt.messages[1].text == "when?\n\non Tuesday\n\nwhen?"
    assert prompt.messages[0].text == "Today is Saturday 21 November 2026. Be brief."
    assert prompt.messages[1].sensitivity is Sensitivity.PERSONAL


def test_records_stay_within_their_share() -> None:
    hits = [hit(id, "four words in it") for id in range(1, 6)]
    prompt = COMPOSER.compose([Message("user", "when?")], hits, now=NOW, window_tokens=100)
    assert [found.record.id for found in prompt.recalled] == [1, 2]


def test_whatever_speaks_of_records_carries_their_label() -> None:
    """The system text does not: it may be saved as the agent's own."""
    record = Recalled(Record(kind="note", body="x", id=3, sensitivity=Sensitivity.PRIVATE), 0.9)
    prompt = COMPOSER.compose([Message("user", "when?")], [record], now=NOW, window_tokens=100)
    assert [message.sensitivity for message in prompt.messages] == [Sensitivity.PUBLIC, Sensitivity.PRIVATE]
    assert COMPOSER.compose([Message("user", "when?")], [], now=NOW, window_tokens=100).messages[0] == Message(
        "system", "Be brief."
    )


def test_the_callers_own_system_message_is_kept() -> None:
    messages = [Message("system", "Speak like a pirate."), Message("user", "hi")]
    assert COMPOSER.compose(messages, [], now=NOW, window_tokens=100).messages == tuple(messages)
    grounded = COMPOSER.compose(messages, [hit(1, "x")], now=NOW, window_tokens=100).messages
    assert grounded[0].text.endswith("Speak like a pirate.")
    assert [message.role for message in grounded] == ["system", "user"]


def test_tools_come_in_the_system_message_which_keeps_our_text() -> None:
    tools = (Tool("f"),)
    for said, text in (("", "Be brief."), ("Speak like a pirate.", "Speak like a pirate.")):
        messages = [Message("system", said, tools=tools), Message("user", "hi")]
        system = COMPOSER.compose(messages, [], now=NOW, window_tokens=100).messages[0]
        assert system == Message("system", text, tools=tools)


def test_records_go_to_the_question_and_not_to_what_a_tool_gave_back() -> None:
    called = Message("assistant", "", calls=(ToolCall("f", "{}"),))
    old = [Message("user", "one two three"), called, Message("tool", "four five six")]
    new = [Message("user", "when?"), called, Message("tool", "noon")]
    whole = COMPOSER.compose([*old, *new], [hit(7, "on Tuesday")], now=NOW, window_tokens=100)
    assert [message.text for message in whole.messages[-3:]] == ["when?\n\non Tuesday\n\nwhen?", "", "noon"]
    assert len(whole.messages) == 7
    for window in (12, 24):
        cut = COMPOSER.compose([*old, *new], [], now=NOW, window_tokens=window).messages[1:]
        assert list(cut[-3:]) == new
        assert not cut[:-3] or cut[0].role != "tool", "a result without its call says nothing"


def conversation(n: int, *, words: int = 8) -> list[Message]:
    """`n` exchanges of some words each, and a question."""
    said = [Message(role, " ".join([f"{role}{at}"] * words)) for at in range(n) for role in ("user", "assistant")]
    return [*said, Message("user", "so?")]


def test_the_next_prompt_begins_with_this_one_and_its_answer() -> None:
    composer = replace(COMPOSER, grounded_system="Be true.")
    said: list[Message] = []
    before: list[str] = []
    steps = 0
    for n in range(40):
        hits = [hit(n, f"fact {n}")] if n % 3 else []
        question = Message("user", f"question {n} of a few words")
        prompt = composer.compose([*said, question], hits, now=NOW, window_tokens=200)
        texts = [message.text for message in prompt.messages]
        steps += n > 1 and texts[: len(before)] != before
        answer = Message("assistant", f"answer {n} in a few words")
        said += [replace(question, records=tuple(found.record for found in prompt.recalled), at=NOW), answer]
        before = [*texts, answer.text]
    assert 1 <= steps <= 8, "older turns are condensed in few steps, and nothing else changes a beginning"


def test_older_turns_are_condensed_with_their_label() -> None:
    promise = Message("user", "I promise to bring three cakes to Uma.", Sensitivity.PRIVATE)
    prompt = COMPOSER.compose(
        [promise, Message("assistant", "Fine."), *conversation(20)], [], now=NOW, window_tokens=160
    )
    system, *turns = prompt.messages
    assert "Earlier in this conversation:\nUser: I promise to bring three cakes to Uma." in system.text
    assert system.at is not None
    assert system.sensitivity is Sensitivity.PRIVATE
    assert turns == conversation(20)[-len(turns) :], "the newest turns stay word for word"
    assert len(turns) > 2
    assert prompt.tokens <= 160


def test_earlier_turns_may_be_held_to_a_number_of_tokens() -> None:
    whole = COMPOSER.compose(conversation(10), [], now=NOW, window_tokens=1000)
    held = COMPOSER.compose(conversation(10), [], now=NOW, window_tokens=1000, history_tokens=100)
    assert len(whole.messages) == 22
    assert held.tokens < 120 < whole.tokens


def test_a_turn_that_is_shown_is_not_recalled_as_well() -> None:
    said = conversation(2)
    said[0] = replace(said[0], record_id=5)
    prompt = COMPOSER.compose(said, [hit(5, said[0].text), hit(6, "new")], now=NOW, window_tokens=1000)
    assert [found.record.id for found in prompt.recalled] == [6]


@given(
    st.lists(st.text("ab ", min_size=1, max_size=40), min_size=1, max_size=12), st.integers(1, 80), st.integers(0, 4)
)
def test_a_prompt_keeps_the_question_and_the_newest_turns(turns: list[str], window: int, records: int) -> None:
    messages = [Message("user" if n % 2 == 0 else "assistant", text) for n, text in enumerate(turns)]
    prompt = COMPOSER.compose(messages, [hit(n + 1, "a b c") for n in range(records)], now=NOW, window_tokens=window)
    *kept, question = prompt.messages[1:]
    assert kept == messages[-1 - len(kept) : -1]
    assert question.text.endswith(messages[-1].text)
    assert prompt.tokens == count_words(prompt.messages)
    assert prompt.tokens <= window or (not kept and not prompt.recalled)
