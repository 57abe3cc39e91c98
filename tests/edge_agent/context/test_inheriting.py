"""What was made from a record is at least as private as the record, whatever happens later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.conversations import Exchange
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def note(body: str, mark: Sensitivity | None = None) -> Item:
    return Item.found(Record(kind="note", body=body), f"k:{body}", mark=mark)


def answer(store: SqliteContextStore, *from_ids: int, thread: str = "a") -> list[int]:
    """An exchange that was made from records; the ids of its two turns."""
    records = tuple(store.get(record_id) for record_id in from_ids)
    made_from = Sensitivity.highest([record.sensitivity for record in records])
    store.conversations.add(thread, Exchange("and this?", "It is so.", NOW, made_from, records))
    return [turn.id or 0 for turn in store.conversations.turns(thread)[-2:]]


def labels(store: SqliteContextStore, ids: Sequence[int]) -> list[Sensitivity]:
    return [store.get(record_id).sensitivity for record_id in ids]


def spoken(store: SqliteContextStore, thread: str = "a") -> set[Sensitivity]:
    """The labels with which a conversation goes into the next prompt."""
    return {message.sensitivity for each in store.conversations.exchanges(thread) for message in each.messages}


def test_a_raised_label_is_handed_down_and_stays_when_the_record_is_lowered_or_forgotten(
    store: SqliteContextStore,
) -> None:
    record_id = store.add(Record(kind="note", body="lentils", sensitivity=PUBLIC))
    turns = answer(store, record_id)
    assert (labels(store, turns), spoken(store)) == ([PERSONAL] * 2, {PUBLIC})
    outcome = store.labels.choose(PRIVATE, ids=[record_id])
    assert (outcome.records, outcome.raised) == (3, 3)
    assert (labels(store, turns), spoken(store)) == ([PRIVATE] * 2, {PRIVATE})
    assert store.labels.why(turns[1]).reason == "it came with this label"
    store.labels.choose(PUBLIC, ids=[record_id])
    store.labels.apply()
    assert (labels(store, turns), spoken(store)) == ([PRIVATE] * 2, {PRIVATE})
    store.forget(record_id)  # the answer goes with it
    assert labels(store, turns[:1]) == [PRIVATE]


def test_it_is_handed_on_to_what_was_made_from_that(store: SqliteContextStore) -> None:
    record_id = store.add(Record(kind="note", body="lentils"))
    turns = answer(store, record_id)
    later = answer(store, turns[1], thread="b")
    last = answer(store, later[1], thread="c")
    beside = answer(store, thread="d")
    store.labels.choose(PRIVATE, ids=[record_id])
    assert set(labels(store, [*turns, *later, *last])) == {PRIVATE}
    assert set(labels(store, beside)) == {PERSONAL}


@pytest.mark.parametrize("changed", [note("lentils", PRIVATE), Item(Record(kind="note", body="dentist"), "k:lentils")])
def test_an_import_that_raises_a_label_hands_it_down(store: SqliteContextStore, changed: Item) -> None:
    store.put([note("lentils")])
    turns = answer(store, 1)
    store.put([changed])
    assert labels(store, [1, *turns]) == [PRIVATE] * 3


def test_the_user_may_choose_for_a_turn_itself(store: SqliteContextStore) -> None:
    record_id = store.add(Record(kind="note", body="dentist"))
    question, _ = answer(store, record_id)
    store.labels.choose(PUBLIC, ids=[question])
    store.labels.choose(PRIVATE, ids=[record_id])
    assert store.get(question).sensitivity is PUBLIC


def test_a_question_about_health_is_no_secret_and_what_was_told_of_oneself_is(store: SqliteContextStore) -> None:
    store.conversations.add("a", Exchange("What does a dentist do?", "A dentist mends teeth.", NOW, PUBLIC))
    store.conversations.add("b", Exchange("I was at the dentist today.", "I see.", NOW, PUBLIC))
    assert spoken(store, "a") == {PUBLIC}
    assert {turn.sensitivity for turn in store.conversations.turns("a")} == {PERSONAL}
    assert {turn.sensitivity for turn in store.conversations.turns("b")} == {PRIVATE}


@settings(max_examples=25, deadline=None)
@given(
    first=st.lists(st.sampled_from(Sensitivity), min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, *Sensitivity])), max_size=5),
)
def test_no_label_goes_down_by_derivation(
    tmp_path_factory: pytest.TempPathFactory, first: list[Sensitivity], steps: list[tuple[int, Sensitivity | None]]
) -> None:
    with SqliteContextStore(tmp_path_factory.mktemp("derived") / "context.db") as store:
        ids = [store.add(Record(kind="note", body=f"n{at}", sensitivity=label)) for at, label in enumerate(first)]
        turns = answer(store, *ids)
        for at, label in steps:
            before = labels(store, turns)
            store.labels.choose(label, ids=[ids[at % len(ids)]])
            highest = Sensitivity.highest(labels(store, ids))
            now = labels(store, turns)
            assert all(label.rank >= max(highest.rank, old.rank) for label, old in zip(now, before, strict=True))
