"""What happens goes to the journal, and a question that is asked again rates the answer before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.journal import Journal
from edge_agent.learning.asking_again import AskingAgain
from edge_agent.learning.listening import Listener
from edge_agent.learning.teacher import Teacher
from orchestrator.routing.feedback import Sign
from orchestrator.testing import ManualClock
from tests.edge_agent.test_journal import ANSWER, DECISION, REQUEST, SITUATION, everything_on_disk


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", ManualClock()) as opened:
        yield opened


def test_a_retry_is_a_bad_sign_for_the_answer_before_and_no_word_is_stored(journal: Journal, tmp_path: Path) -> None:
    clock = ManualClock()
    listener = Listener(journal, Teacher(journal, clock, router=None, acts=False), AskingAgain(clock))
    for decision_id in ("first", "second"):
        decision = replace(DECISION, id=decision_id)
        listener.decided(REQUEST, decision, SITUATION)
        listener.answered(decision, replace(ANSWER, decision_id=decision_id))
    first, second = journal.decision("first").feedback, journal.decision("second").feedback
    assert first is not None
    assert (first.good, first.sign) == (False, Sign.ASKED_AGAIN)
    assert second is None
    assert b"zebra" not in everything_on_disk(tmp_path)


def test_a_retry_after_an_error_is_none(journal: Journal) -> None:
    clock = ManualClock()
    listener = Listener(journal, Teacher(journal, clock, router=None, acts=False), AskingAgain(clock))
    listener.decided(REQUEST, replace(DECISION, id="first"), SITUATION)
    listener.failed("first", "cancelled", "the caller went away")
    listener.decided(REQUEST, replace(DECISION, id="second"), SITUATION)
    assert journal.decision("first").feedback is None
