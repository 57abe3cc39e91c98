"""Batches of items: they are written at once, and become what they would one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.store import PutCounts, SqliteContextStore
from orchestrator.types import Record

_ITEMS = st.builds(
    lambda key, body, wanted, who: Item(Record(kind="note", body=body, id=wanted, people=(who,)), key),
    st.sampled_from(["a", "b", "b\0c", None]),
    st.sampled_from(["dentist", "lentils"]),
    st.sampled_from([None, 3, 40]),
    st.sampled_from(["Ida <ida@example.org>", "Tom"]),
)


def exported(store: SqliteContextStore) -> Iterator[dict[str, object]]:
    for line in store.export():
        values = json.loads(line)
        yield {name: value for name, value in values.items() if name != "key" or not value.startswith("user:")}


@settings(max_examples=20, deadline=None)
@given(st.lists(_ITEMS, max_size=6), st.lists(_ITEMS, max_size=6))
def test_a_batch_does_what_its_items_do_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, before: list[Item], batch: list[Item]
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    with SqliteContextStore(folder / "at_once") as at_once, SqliteContextStore(folder / "singly") as singly:
        for items in (before, batch):
            assert at_once.put(items) == sum((singly.put([item]) for item in items), PutCounts())
            assert list(exported(at_once)) == list(exported(singly))
            assert aliases(at_once) == aliases(singly)


def aliases(store: SqliteContextStore) -> list[tuple[object, ...]]:
    return store.look(lambda connection: connection.execute("SELECT * FROM aliases ORDER BY 1, 2").fetchall())


def test_what_was_forgotten_is_withheld_from_a_batch_of_any_size(tmp_path: Path) -> None:
    items = [Item(Record(kind="note", body=f"number {number}"), f"k\0{number}") for number in range(450)]
    with SqliteContextStore(tmp_path / "a.db") as store:
        assert store.put(items) == PutCounts(added=450)
        store.forget(1, 300)
        assert store.put(items) == PutCounts(unchanged=448, forgotten=2)
        assert store.put(items, again=True) == PutCounts(added=2, unchanged=448)
