"""What is learned lives in the journal: it survives, is shared, is learned anew where lost, and can be forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.journal import Journal
from edge_agent.learning.teacher import Teacher
from orchestrator.errors import RecordNotFound
from orchestrator.routing.feedback import Sign
from orchestrator.routing.learned import Learned
from orchestrator.routing.policy import decide
from orchestrator.testing import ManualClock
from orchestrator.types import Route
from tests.edge_agent.test_journal import ANSWER
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 5, tzinfo=UTC))


@pytest.fixture
def journal(tmp_path: Path, clock: ManualClock) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", clock) as opened:
        yield opened


@pytest.fixture
def teacher(journal: Journal, clock: ManualClock) -> Teacher:
    return Teacher(journal, clock, router=None, acts=True)


def answered(journal: Journal, teacher: Teacher, decision_id: str, route: Route = Route.CLOUD) -> str:
    """Keep a decision for the cloud that a lesson went into, and its answer."""
    lesson = teacher.lesson(decision_id, local=0.3, cloud=0.9)
    situation = replace(SITUATION, lesson=replace(lesson, say=0.0))
    decision = decide(situation, REQUEST, decision_id)
    journal.decided(REQUEST, decision, situation.to_dict())
    journal.answered(decision, replace(ANSWER, decision_id=decision_id, route=route))
    return decision_id


def taught(journal: Journal, teacher: Teacher, n: int = 12, *, good: bool = False) -> Learned:
    for number in range(n):
        teacher.rate(answered(journal, teacher, f"d{number:05}"), good=good)
    return teacher.learned()


def test_bad_answers_of_the_cloud_lower_its_chance_and_start_a_trial(journal: Journal, teacher: Teacher) -> None:
    before = teacher.lesson("x", local=0.3, cloud=0.9)
    assert (before.local, before.cloud, before.say) == (0.0, 0.0, 0.0)
    learned = taught(journal, teacher)
    after = teacher.lesson("x", local=0.3, cloud=0.9)
    assert learned.verdicts == 12
    assert after.cloud < -0.2
    assert after.local == 0
    assert after.say > 0
    assert after.draw == before.draw


def test_in_the_shadow_it_learns_and_has_no_say(journal: Journal, teacher: Teacher, clock: ManualClock) -> None:
    taught(journal, teacher)
    shadow = Teacher(journal, clock, router=None, acts=False)
    lesson = shadow.lesson("x", local=0.3, cloud=0.9)
    assert lesson.cloud < -0.2
    assert lesson.say == 0


def test_another_process_and_another_start_know_it_at_once(
    journal: Journal, teacher: Teacher, clock: ManualClock, tmp_path: Path
) -> None:
    with Journal.open(tmp_path / "journal.db", clock) as other:
        twin = Teacher(other, clock, router=None, acts=True)
        twin.learned()
        learned = taught(journal, teacher)
        assert twin.learned() == learned
        assert Teacher(other, clock, router="pair", acts=True).learned().verdicts == 0


def test_many_writers_lose_no_verdict(journal: Journal, teacher: Teacher, clock: ManualClock, tmp_path: Path) -> None:
    ids = [answered(journal, teacher, f"d{number:05}") for number in range(24)]

    def rate(part: int) -> None:
        with Journal.open(tmp_path / "journal.db", clock) as own:
            each = Teacher(own, clock, router=None, acts=True)
            for decision_id in ids[part::8]:
                each.rate(decision_id, good=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rate, range(8)))
    assert teacher.learned().verdicts == 24
    assert teacher.learned() == teacher.learn()


@pytest.mark.parametrize("damage", ["not json", '{"basis": 1}', "[]"])
def test_what_is_damaged_is_learned_anew(journal: Journal, teacher: Teacher, tmp_path: Path, damage: str) -> None:
    learned = taught(journal, teacher)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE learning SET learned = ?", [damage])
    assert teacher.learned() == learned


def test_forgetting_begins_anew_and_keeps_the_feedback(journal: Journal, teacher: Teacher) -> None:
    taught(journal, teacher)
    teacher.unlearn()
    assert teacher.learned().verdicts == 0
    assert teacher.lesson("x", local=0.3, cloud=0.9).cloud == 0
    assert journal.decision("d00003").feedback is not None
    teacher.rate("d00003", good=True)
    assert teacher.learned().verdicts == 0
    teacher.rate(answered(journal, teacher, "later"), good=True)
    assert teacher.learned().verdicts == 1


def test_an_answer_that_the_device_gave_in_the_clouds_place_teaches_nothing(journal: Journal, teacher: Teacher) -> None:
    teacher.rate(answered(journal, teacher, "lost", route=Route.LOCAL), good=False)
    assert teacher.learned().verdicts == 0


def test_a_changed_verdict_counts_once(journal: Journal, teacher: Teacher) -> None:
    taught(journal, teacher, 3)
    teacher.rate("d00000", good=True)
    teacher.rate("d00000", good=False, sign=Sign.ASKED_AGAIN)
    learned = teacher.learned()
    assert (learned.verdicts, learned.signs) == (3, 0)
    with pytest.raises(RecordNotFound):
        teacher.rate("nobody", good=True)
