"""What the store knows of files: readings, and what only an earlier one found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

KEYS = st.sets(st.sampled_from("abcdef"))


def read(store: SqliteContextStore, path: str, keys: set[str]) -> int:
    reading = store.begin_reading(Path(path))
    store.put([Item(Record(kind="note", body=key), key) for key in sorted(keys)], reading=reading)
    return store.end_reading(reading, "as it is", prune=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["/x/1", "/x/2", "/xy/3"]), KEYS), max_size=6))
def test_the_store_holds_what_the_files_hold(
    tmp_path_factory: pytest.TempPathFactory, life: list[tuple[str, set[str]]]
) -> None:
    held: dict[str, set[str]] = {}
    with SqliteContextStore(tmp_path_factory.mktemp("life") / "context.db") as store:
        for path, keys in life:
            before = set().union(*held.values())
            held[path] = keys
            assert read(store, path, keys) == len(before - set().union(*held.values()))
            assert {record.body for record in store.list()} == set().union(*held.values())
        store.drop_missing(Path("/x"), [Path("/x/2")])
        left = set().union(*(keys for path, keys in held.items() if path != "/x/1"))
        assert {record.body for record in store.list()} == left


def test_of_two_readings_at_once_neither_takes_away_what_the_other_found(store: SqliteContextStore) -> None:
    slow, quick = (store.begin_reading(Path("/x/1")) for _ in range(2))
    item = Item(Record(kind="note", body="a"), "a")
    store.put([item], reading=quick)
    store.put([item], reading=slow)
    assert store.end_reading(quick, "s", prune=True) == store.end_reading(slow, "s", prune=True) == 0
    assert store.known_items(Path("/x/1"), "s") == 1


def test_a_reading_that_did_not_end_is_not_known(store: SqliteContextStore) -> None:
    read(store, "/x/1", {"a"})
    assert store.known_items(Path("/x/1"), "as it is") == 1
    store.begin_reading(Path("/x/1"))
    assert store.known_items(Path("/x/1"), "as it is") is None
