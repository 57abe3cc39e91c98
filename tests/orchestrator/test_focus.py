"""A question that its records answer is shown alone; one that points back is not."""

from __future__ import annotations

import pytest

from orchestrator.focus import in_focus
from orchestrator.types import Message, Recalled, Recollection, Record, Request

EARLIER = (Message("user", "Who is Ada?"), Message("assistant", "Your sister."))


def shown(question: str, *, relevance: float = 0.9, history_tokens: int | None = 1500) -> int:
    request = Request(id="x", messages=(*EARLIER, Message("user", question)), history_tokens=history_tokens)
    hits = (Recalled(Record(kind="note", body="x"), relevance),) if relevance else ()
    return len(in_focus(request, Recollection(hits)))


def test_a_question_that_a_record_covers_is_shown_alone() -> None:
    assert shown("Where did my sister Ada move?") == 1
    assert shown("And when is the parents' evening?") == 1


@pytest.mark.parametrize(
    "question",
    [
        "Where is it?",
        "Is that near the dentist?",
        "What about the boiler?",
        "Why?",
        "And her phone number?",
        "Say that again",
    ],
)
def test_a_question_that_points_back_is_shown_with_what_it_points_to(question: str) -> None:
    assert shown(question) == 3


def test_without_a_record_that_covers_it_or_in_a_clients_conversation_nothing_is_left_out() -> None:
    assert shown("Where did my sister Ada move?", relevance=0.6) == 3
    assert shown("Where did my sister Ada move?", relevance=0) == 3
    assert shown("Where did my sister Ada move?", history_tokens=None) == 3
