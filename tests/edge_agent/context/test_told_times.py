"""Asked when, recall prefers what tells a time."""

from __future__ import annotations

from datetime import datetime

import pytest

from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record


def first(store: SqliteContextStore, question: str, now: datetime) -> str:
    return store.ranked(question, limit=1, now=now)[0].record.body


@pytest.fixture
def runs(store: SqliteContextStore) -> SqliteContextStore:
    """Two messages with the same words of a question; the longer one tells a time."""
    for text in ("I ran the marathon.", "I ran the marathon yesterday."):
        store.add(Record(kind="chat", people=("Ada",), body=text))
    return store


def test_asked_when_what_tells_a_time_comes_first(runs: SqliteContextStore, monday: datetime) -> None:
    assert first(runs, "When did Ada run the marathon?", monday) == "I ran the marathon yesterday."
    assert first(runs, "Who ran the marathon with Ada?", monday) == "I ran the marathon."


@pytest.mark.parametrize("told", ["on Tuesday", "in October", "two years ago", "at 7:30", "around 6pm", "in 2019"])
def test_a_time_is_told_in_many_ways(store: SqliteContextStore, monday: datetime, told: str) -> None:
    store.add(Record(kind="note", body="The kiln broke, we may march on."))
    record_id = store.add(Record(kind="note", body=f"The kiln broke {told}, we may march on."))
    assert store.ranked("When did the kiln break?", limit=1, now=monday)[0].record.id == record_id


@pytest.mark.parametrize("told", ["in room 12", "for 123 crowns", "12:3", "with 12345 bricks", "a3pm"])
def test_a_number_alone_tells_no_time(store: SqliteContextStore, monday: datetime, told: str) -> None:
    record_id = store.add(Record(kind="note", body="The kiln broke, we may march on."))
    store.add(Record(kind="note", body=f"The kiln broke {told}, we may march on."))
    assert store.ranked("When did the kiln break?", limit=1, now=monday)[0].record.id == record_id
