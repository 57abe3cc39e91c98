"""Retries and edits are recognised for two minutes, in their conversation, and without a word being kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.learning.asking_again import AskingAgain
from orchestrator.testing import ManualClock
from orchestrator.types import Message, Request

FIRST = "When does the museum in Lausanne open on Sundays?"


def request(question: str, conversation: str = "") -> Request:
    return Request(id="r", messages=(Message("user", question),), conversation=conversation)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def asking(clock: ManualClock) -> AskingAgain:
    """With one question that was answered."""
    found = AskingAgain(clock)
    assert found.decided(request(FIRST), "first") is None
    found.answered("first")
    return found


@pytest.mark.parametrize("again", [FIRST, FIRST.lower(), "When does the museum in Lausanne open on Saturdays?"])
def test_a_retry_and_an_edit_are_recognised_once(asking: AskingAgain, clock: ManualClock, again: str) -> None:
    clock.advance(100)
    assert asking.decided(request(again), "second") == "first"
    assert asking.decided(request(again), "third") is None, "the second has no answer yet"


@pytest.mark.parametrize(
    "other", [request("Where is the museum?"), request(FIRST, "another conversation"), request("...")]
)
def test_another_question_is_none(asking: AskingAgain, other: Request) -> None:
    assert asking.decided(other, "second") is None


def test_it_must_come_soon(asking: AskingAgain, clock: ManualClock) -> None:
    clock.advance(121)
    assert asking.decided(request(FIRST), "second") is None


def test_what_failed_or_still_runs_is_not_asked_again(clock: ManualClock) -> None:
    asking = AskingAgain(clock)
    asking.decided(request(FIRST), "running")
    assert asking.decided(request(FIRST), "at the same time") is None
    asking.failed("running")
    asking.failed("at the same time")
    assert asking.decided(request(FIRST), "after the failures") is None


def test_no_word_is_held(asking: AskingAgain) -> None:
    held = repr(vars(asking)).lower()
    assert not any(word in held for word in ("museum", "lausanne", "sundays"))
    assert asking.decided(replace(request(FIRST), id="other"), "second") == "first"
