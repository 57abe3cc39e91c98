"""Recall: the right record for the question, and none for a question about the world."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.context import vocabulary
from edge_agent.context.items import Item
from edge_agent.context.recall import FLOOR
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record, Sensitivity

QUESTIONS = Path(__file__).resolve().parents[3] / "benchmarks" / "context" / "questions.jsonl"


def first(store: SqliteContextStore, question: str, now: datetime) -> str:
    hits = store.recall(question, limit=8, now=now)
    return hits[0].record.title if hits else ""


def test_the_dentist_is_found_with_certainty(household: SqliteContextStore, monday: datetime) -> None:
    best = household.recall("When do I see the dentist?", limit=8, now=monday)[0]
    assert best.record.title == "Dentist"
    assert best.relevance > 0.9


def test_it_does_not_matter_when_the_question_is_asked(household: SqliteContextStore, monday: datetime) -> None:
    for moment in (monday - timedelta(days=3000), monday + timedelta(days=1), monday + timedelta(days=3000)):
        assert first(household, "When do I see the dentist?", moment) == "Dentist"


@pytest.mark.parametrize(
    "question",
    [
        "What do bees make?",  # "bees" stands in a mail about a film
        "Who wrote Hamlet?",  # mails and chats are written
        "Explain how a transformer works",  # "transformer" stands in a note about the doorbell
        "What is a dentist?",
        "How does a boiler work?",
        "What is the capital of France?",
        "Write a short story about a train",
        "What is the weather like on Friday?",
        "",
        "?",
        "Hello!",
    ],
)
def test_a_question_about_the_world_brings_nothing(
    household: SqliteContextStore, monday: datetime, question: str
) -> None:
    assert not household.recall(question, limit=8, now=monday)


def test_most_household_questions_bring_their_record_and_no_world_question_brings_any(
    household: SqliteContextStore, monday: datetime
) -> None:
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    answered = 0
    for row in rows:
        titles = [hit.record.title for hit in household.recall(row["question"], limit=8, now=monday)]
        if row["titles"]:
            answered += not set(titles).isdisjoint(row["titles"])
        else:
            assert titles == [], row["question"]
    assert answered / sum(bool(row["titles"]) for row in rows) > 0.9


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What's on Friday?", "Dinner with Priya"),
        ("What do I have tomorrow?", "Dentist"),
        ("What's in my calendar tomorrow?", "Dentist"),
        ("Do I have anything on 30 November?", "Boiler service"),
        ("What's happening next Tuesday?", "Aurora project review"),
        ("What are my plans for the weekend?", "Emma's swimming badge test"),
        ("What appointments do I have?", "Dentist"),
        ("What do I have on 30 December?", "Christmas school holidays"),
    ],
)
def test_dates_in_questions(household: SqliteContextStore, monday: datetime, question: str, title: str) -> None:
    assert first(household, question, monday) == title


def test_what_lies_ahead_comes_first_and_the_soonest_before_all(store: SqliteContextStore, monday: datetime) -> None:
    for days in (-30, 60, 7, -1):
        store.add(Record(kind="event", title="Haircut", time=monday + timedelta(days=days)))
    hits = store.recall("When is my next haircut?", limit=4, now=monday)
    times = [hit.record.time - monday for hit in hits if hit.record.time]
    assert [time.days for time in times[:2]] == [7, 60]


def test_a_store_of_one_record_works(store: SqliteContextStore, monday: datetime) -> None:
    record_id = store.add(Record(kind="note", body="Dentist on Tuesday at 9:30", sensitivity=Sensitivity.PRIVATE))
    hits = store.recall("When do I see the dentist?", limit=8, now=monday)
    assert [hit.record.id for hit in hits] == [record_id]
    assert not store.recall("What is the capital of France?", limit=8, now=monday)


def test_stems_accents_and_case_do_not_matter(store: SqliteContextStore, monday: datetime) -> None:
    store.add(Record(kind="note", title="Crêpes with Zoë", body="Whisk the eggs"))
    assert first(store, "what do i need for zoe's CREPE?", monday) == "Crêpes with Zoë"


def test_common_words_are_found_where_they_stand_together(
    store: SqliteContextStore, monday: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_MOST_COMMON", 10)
    store.put(Item(Record(kind="note", body=f"garden, entry {number}"), f"g{number}") for number in range(30))
    store.add(Record(kind="note", title="Garden shed", body="The padlock opens with 4711"))
    store.put(Item(Record(kind="note", body=f"a shed, entry {number}"), f"s{number}") for number in range(30))
    assert first(store, "How do I open the padlock of my garden shed?", monday) == "Garden shed"
    assert first(store, "Where is my garden shed?", monday) == "Garden shed"
    assert len(store.recall("my garden", limit=50, now=monday)) == 31


def test_limit_is_kept_and_order_is_by_relevance(household: SqliteContextStore, monday: datetime) -> None:
    hits = household.recall("Where do I meet Priya?", limit=2, now=monday)
    assert len(hits) == 2
    assert all(hit.relevance >= FLOOR for hit in hits)


def test_a_pasted_page_is_a_question_too(household: SqliteContextStore, monday: datetime) -> None:
    page = "the dentist " * 50_000
    assert household.recall(page, limit=8, now=monday)


def test_nothing_of_a_question_stays_behind(store: SqliteContextStore) -> None:
    store.add(Record(kind="note", body="something"))
    for question in ("my first secret", "my second secret"):
        store.recall(question, limit=3, now=datetime.now(UTC))
    with store._database.lend() as db:
        assert db.execute("SELECT count(*) FROM temp.asked").fetchone() == (0,)


def test_confidence_says_whether_the_records_hold_the_answer(household: SqliteContextStore, monday: datetime) -> None:
    known = household.recall("What is Felix allergic to?", limit=8, now=monday)
    assert known.confidence > 0.9
    assert household.recall("What is Priya allergic to?", limit=8, now=monday).confidence < 0.5
    assert household.recall("When is my wedding anniversary?", limit=8, now=monday).confidence == 0


def test_what_only_the_records_can_tell_brings_what_fits_less_too_but_without_certainty(
    household: SqliteContextStore, monday: datetime
) -> None:
    found = household.recall("When do we fly to Lisbon?", limit=8, now=monday)
    assert "Flight to Lisbon" in [hit.record.title for hit in found]
    assert found.confidence < FLOOR
    assert not household.recall("What is the capital of Lisbon?", limit=8, now=monday)


@pytest.mark.parametrize(
    ("question", "personal"),
    [
        ("When is my wedding anniversary?", True),
        ("What did Felix name his dog?", True),
        ("How old is Felix Baumgartner?", False),
        ("What do bees make?", False),
        ("Explain what Felix should do", False),
    ],
)
def test_what_only_the_records_could_tell_is_known_from_what_the_world_knows(
    household: SqliteContextStore, monday: datetime, question: str, personal: bool
) -> None:
    assert household.recall(question, limit=8, now=monday).personal is personal
