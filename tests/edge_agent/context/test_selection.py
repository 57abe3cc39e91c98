"""What a selection means, and nothing beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edge_agent.context.items import Item
from edge_agent.context.selection import Selection
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import InvalidRequest
from orchestrator.types import Record, Sensitivity


def day(number: int) -> datetime:
    return datetime(2026, 5, number, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def life(store: SqliteContextStore) -> None:
    """Five records with the ids 1 to 5."""
    for record in (
        Record(kind="mail", title="Invoice", people=("Anna Peters <anna@mill.example>",), source="/m/in.mbox"),
        Record(
            kind="chat", body="See you at the mill", people=("Zoë", "Peter Mill"), time=day(3), source="/m/chat.txt"
        ),
        Record(kind="contact", title="Peter Mill", people=("Peter Mill", "Pit"), source="/m2/cards.vcf"),
        Record(kind="note", body="invoices and a mill", sensitivity=Sensitivity.PRIVATE, time=day(7), source="user"),
        Record(kind="event", title="Anna meets Peter", people=("Anna", "Peters Sohn"), time=day(20), source="user"),
    ):
        store.add(record)


@pytest.mark.parametrize(
    ("which", "ids"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"kind": "note"}, [4]),
        ({"kind": None, "sensitivity": "private"}, [4]),
        ({"source": "/m/in.mbox"}, [1]),
        ({"source": "/m"}, [2, 1]),
        ({"source": "/m/../m/"}, [2, 1]),
        ({"source": "user"}, [5, 4]),
        ({"source": "/m/in"}, []),
        ({"person": "anna"}, [5, 1]),
        ({"person": "anna@mill.example"}, [1]),
        ({"person": "zoe"}, [2]),
        ({"person": "Peter"}, [3, 2]),
        ({"person": "anna peters"}, [1]),
        ({"person": "Mill Peter"}, [3, 2]),
        ({"since": day(3)}, [5, 4, 2]),
        ({"since": day(3), "until": day(20)}, [4, 2]),
        ({"until": day(3)}, []),
        ({"query": "invoice"}, [4, 1]),
        ({"query": "a mill", "person": "peter"}, []),
        ({"query": 'mill "OR* ('}, []),
        ({"query": "the mill", "since": day(1), "kind": "chat"}, [2]),
    ],
)
def test_all_that_is_given_holds(store: SqliteContextStore, which: Any, ids: list[int]) -> None:
    assert [record.id for record in store.list(**which)] == ids
    assert [record.id for record in store.list(**which, limit=1)] == ids[:1]
    if which:
        assert store.forget(**which).records == len(ids)
        assert {record.id for record in store.list()} == {1, 2, 3, 4, 5} - set(ids)


def test_ids_may_be_narrowed(store: SqliteContextStore) -> None:
    assert store.forget(1, 2, 3, kind="chat").records == 1
    assert len(store.list()) == 4


@pytest.mark.parametrize(
    "which", [{"kind": ""}, {"source": ""}, {"person": "…"}, {"query": " _ "}, {"sensitivity": "privat"}]
)
def test_what_selects_by_nothing_is_refused(store: SqliteContextStore, which: Any) -> None:
    with pytest.raises(InvalidRequest):
        Selection(**which)
    with pytest.raises(InvalidRequest):
        store.forget(**which)


def test_an_accent_written_in_two_characters_is_one(store: SqliteContextStore) -> None:
    store.put([Item(Record(kind="note", body="x", people=("Rene\u0301 Loe\u0308w",)))])
    assert len(store.list(person="René Löw")) == 0
    assert len(store.list(person="René Löew")) == 1
