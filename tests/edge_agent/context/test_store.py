"""The store: what goes in comes out, from any thread and process, and what is forgotten is gone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlite_utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import PutCounts, SqliteContextStore
from edge_agent.database import Database, Schema
from orchestrator.errors import InvalidRequest, RecordNotFound, StoreCorrupt, StoreError, StoreUnavailable
from orchestrator.types import Record, Sensitivity

DENTIST = Record(
    kind="event",
    title="Dentist",
    body="Bring the card.",
    people=("Dr. Weber", "Zoë"),
    time=datetime(2026, 11, 24, 9, 30, tzinfo=timezone(timedelta(hours=1))),
    end=datetime(2026, 11, 24, 10, 15, tzinfo=timezone(timedelta(hours=1))),
    place="Lindenstraße 4",
    source="user",
    sensitivity=Sensitivity.PRIVATE,
)


def note(text: str) -> Record:
    return Record(kind="note", body=text)


def titles(records: Iterator[Record] | list[Record]) -> list[str]:
    return [record.title or record.body for record in records]


def integrity(path: Path) -> list[str]:
    """What SQLite and FTS5 think of the file."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("INSERT INTO records_fts (records_fts, rank) VALUES ('integrity-check', 1)")
        return [row[0] for row in connection.execute("PRAGMA integrity_check")]
    finally:
        connection.close()


def test_a_record_comes_back_as_it_was(store: SqliteContextStore) -> None:
    record_id = store.add(DENTIST)
    back = store.get(record_id)
    assert back.id == record_id
    assert back == Record(**{name: getattr(DENTIST, name) for name in DENTIST.__slots__ if name != "id"}, id=record_id)
    assert back.time is not None
    assert back.time.utcoffset() == timedelta(hours=1)


def test_it_is_still_there_after_closing(tmp_path: Path) -> None:
    with SqliteContextStore(tmp_path / "context.db") as store:
        record_id = store.add(DENTIST)
    with SqliteContextStore(tmp_path / "context.db") as store:
        assert store.get(record_id).title == "Dentist"


@pytest.mark.parametrize(
    "record",
    [
        Record(kind="note"),
        Record(kind="", body="x"),
        Record(kind="event", title="x", time=datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_what_is_no_record_is_refused(store: SqliteContextStore, record: Record) -> None:
    with pytest.raises(InvalidRequest):
        store.add(record)
    assert store.stats().records == 0


def test_half_characters_are_replaced_rather_than_refused(store: SqliteContextStore) -> None:
    assert store.get(store.add(note("broken \ud800 mail"))).body == "broken ? mail"


def test_list_shows_the_newest_first_and_one_kind_if_asked(store: SqliteContextStore) -> None:
    for record in (note("a"), DENTIST, note("b")):
        store.add(record)
    assert titles(list(store.list())) == ["b", "Dentist", "a"]
    assert titles(list(store.list(kind="note", limit=1))) == ["b"]


def test_stats_count_kinds_and_labels(store: SqliteContextStore) -> None:
    store.add(DENTIST)
    store.add(note("a"))
    stats = store.stats()
    assert (stats.records, stats.by_kind) == (2, {"event": 1, "note": 1})
    assert stats.by_sensitivity == {"personal": 1, "private": 1}
    assert stats.file_bytes > 0


class TestPut:
    def test_the_same_key_is_one_record(self, store: SqliteContextStore) -> None:
        assert store.put([Item(note("a"), "k"), Item(note("b"), "l")]) == PutCounts(added=2)
        assert store.put([Item(note("a"), "k"), Item(note("c"), "l")]) == PutCounts(updated=1, unchanged=1)
        assert titles(list(store.list())) == ["c", "a"]

    def test_an_update_is_found_by_its_new_words_only(self, store: SqliteContextStore) -> None:
        store.put([Item(note("marmalade"), "k")])
        store.put([Item(note("gooseberry"), "k")])
        assert not store.search("marmalade")
        assert titles(list(store.search("gooseberry"))) == ["gooseberry"]

    def test_a_batch_is_kept_whole_or_not_at_all(self, store: SqliteContextStore) -> None:
        with pytest.raises(InvalidRequest):
            store.put([Item(note("a"), "k"), Item(Record(kind="note"), "l")])
        assert store.stats().records == 0


class TestForgetting:
    def test_an_id_is_never_given_twice(self, store: SqliteContextStore) -> None:
        first = store.add(note("a"))
        store.forget(first)
        assert store.add(note("b")) > first
        store.forget_all()
        assert store.add(note("c")) > first + 1

    def test_what_is_not_there_cannot_be_forgotten(self, store: SqliteContextStore) -> None:
        with pytest.raises(RecordNotFound, match="17"):
            store.forget(17)
        with pytest.raises(RecordNotFound, match="17"):
            store.get(17)


MOMENTS = st.datetimes(timezones=st.timezones())
TEXTS = st.text(max_size=30)
RECORDS = st.builds(
    Record,
    kind=st.sampled_from(["event", "note", "räksmörgås"]),
    title=TEXTS,
    body=st.text(min_size=1, max_size=40),
    people=st.lists(TEXTS, max_size=3).map(tuple),
    time=st.none() | MOMENTS,
    end=st.none() | MOMENTS,
    place=TEXTS,
    source=TEXTS,
    sensitivity=st.sampled_from(Sensitivity),
    thread=TEXTS,
    position=st.integers(0, 2**53 - 1),
)


def rows(store: SqliteContextStore) -> list[dict[str, object]]:
    """All that the table of records holds."""
    with store._database.lend() as db:
        return list(db.table("records").rows)


@settings(max_examples=25, deadline=None)
@given(
    items=st.lists(st.builds(Item, record=RECORDS, key=st.none() | TEXTS.filter(bool), recurrence=TEXTS), max_size=5)
)
def test_export_and_import_give_the_same_store(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> None:
    from edge_agent.context.importers import import_paths

    folder = tmp_path_factory.mktemp("exchange")
    with SqliteContextStore(folder / "one.db") as one, SqliteContextStore(folder / "two.db") as two:
        one.put(items)
        one.forget(one.add(note("leaves a gap in the ids")))
        one.add(note("last"))
        lines = list(one.export())
        file = folder / "export.jsonl"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        summary = import_paths(two, [file])
        assert (summary.added, summary.skipped) == (len(lines), ())
        assert list(two.export()) == lines
        assert rows(one) == rows(two)
        assert list(two.list()) == list(one.list())
        assert import_paths(two, [file]).unchanged == len(lines)


def test_an_export_larger_than_a_page_is_whole(store: SqliteContextStore) -> None:
    store.put(Item(note(f"number {number}"), f"k{number}") for number in range(1203))
    assert len(list(store.export())) == 1203


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.text("\"'*():^-+ NEARANDOR{}[]\0.é—", max_size=40))
def test_any_text_is_a_question_and_a_query(household: SqliteContextStore, text: str, monday: datetime) -> None:
    for hit in household.recall(text, limit=5, now=monday):
        assert 0.5 <= hit.relevance <= 1
    household.search(text, limit=5)


class TestManyAtOnce:
    def test_four_processes_lose_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "context.db"  # it does not exist yet: they race to create it, too
        script = """
import sys
from datetime import UTC, datetime
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

path, name = sys.argv[1:]
with SqliteContextStore(path, busy_timeout_s=60) as store:
    for number in range(25):
        store.add(Record(kind="note", body=f"word{name} {number}"))
        store.put([Item(Record(kind="note", body=f"shared {number}"), f"shared-{number}")])
        store.recall(f"my word{name}", limit=3, now=datetime.now(UTC))
"""
        writers = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "abcd"]
        assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
        with SqliteContextStore(path) as store:
            assert store.stats().records == 4 * 25 + 25
            assert all(len(store.search(f"word{name}", limit=100)) == 25 for name in "abcd")
        assert integrity(path) == ["ok"]

    def test_threads_share_one_object(self, store: SqliteContextStore, monday: datetime) -> None:
        def work(number: int) -> int:
            record_id = store.add(note(f"thread {number} writes"))
            store.recall("What did my thread write?", limit=3, now=monday)
            return record_id

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(work, range(40)))
        assert len(set(ids)) == store.stats().records == 40

    @pytest.mark.plain_file
    def test_recall_does_not_wait_for_a_writer(self, store: SqliteContextStore, monday: datetime) -> None:
        store.add(note("the spare key is at the neighbour's"))
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        found: list[int] = []
        reader = threading.Thread(
            target=lambda: found.append(len(store.recall("Where is my spare key?", limit=3, now=monday)))
        )
        reader.start()
        reader.join(timeout=30)
        other.close()
        assert found == [1]

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
    def test_a_killed_writer_leaves_what_it_acknowledged(self, tmp_path: Path) -> None:
        path = tmp_path / "context.db"
        script = """
import sys
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

with SqliteContextStore(sys.argv[1]) as store:
    while True:
        print(store.add(Record(kind="note", body="still here")), flush=True)
"""
        writer = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        writer.wait(timeout=30)
        writer.stdout.close()
        with SqliteContextStore(path) as store:
            assert {record.id for record in store.list()} >= set(acknowledged)
        assert integrity(path) == ["ok"]


class TestFilesThatCannotBeOpened:
    def test_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "context.db"
        path.write_bytes(b"this is a diary, not a database. " * 100)
        with pytest.raises(StoreCorrupt) as caught:
            SqliteContextStore(path)
        assert str(path) in caught.value.message
        assert caught.value.remedy
        assert path.read_bytes().startswith(b"this is a diary")

    def test_somebody_elses_database(self, tmp_path: Path) -> None:
        path = tmp_path / "context.db"
        sqlite_utils.Database(path).table("bills").insert({"amount": 3})
        with pytest.raises(StoreCorrupt, match="context store"):
            SqliteContextStore(path)

    @pytest.mark.plain_file
    def test_a_damaged_page(self, store: SqliteContextStore) -> None:
        store.put(Item(note(f"a record with some words in it, {number} " * 10), f"k{number}") for number in range(400))
        store.close()
        size = store.path.stat().st_size
        with store.path.open("r+b") as file:
            file.seek(8192)
            file.write(os.urandom(size - 16384))
        with pytest.raises(StoreCorrupt, match=r"context\.db"), SqliteContextStore(store.path) as damaged:
            list(damaged.export())

    @pytest.mark.plain_file
    def test_locked(self, store: SqliteContextStore) -> None:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with (
            SqliteContextStore(store.path, busy_timeout_s=0.05) as impatient,
            pytest.raises(StoreUnavailable, match="locked"),
        ):
            impatient.add(note("a"))
        other.close()
        store.add(note("b"))
        assert titles(list(store.list())) == ["b"]

    @pytest.mark.plain_file
    def test_from_a_newer_version(self, store: SqliteContextStore) -> None:
        store.add(note("kept"))

        def of_tomorrow(db: sqlite_utils.Database) -> None:
            db.execute("CREATE TABLE tomorrow (x)")

        Database(store.path, Schema(SCHEMA.noun, (*SCHEMA.steps, of_tomorrow))).close()
        with pytest.raises(StoreUnavailable, match="newer version"):
            SqliteContextStore(store.path)
        assert titles(list(store.list())) == ["kept"]

    @pytest.mark.plain_file
    def test_a_migration_that_fails_half_way_changes_nothing(self, store: SqliteContextStore) -> None:
        store.add(note("kept"))
        before = sqlite_utils.Database(store.path).schema

        def half(db: sqlite_utils.Database) -> None:
            db.execute("ALTER TABLE records ADD COLUMN mood TEXT")
            db.execute("UPDATE records SET body = 'lost'")
            db.execute("CREATE TABLE records (x)")

        with pytest.raises(StoreError):
            Database(store.path, Schema(SCHEMA.noun, (*SCHEMA.steps, half)))
        assert sqlite_utils.Database(store.path).schema == before
        with SqliteContextStore(store.path) as again:
            assert titles(list(again.list())) == ["kept"]


def test_after_closing_it_says_so(store: SqliteContextStore) -> None:
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.list()


@pytest.mark.plain_file
def test_the_file_opens_in_sqlite_utils(store: SqliteContextStore) -> None:
    store.add(DENTIST)
    db = sqlite_utils.Database(store.path)
    assert next(iter(db.table("records").search("dentists")))["title"] == "Dentist"
