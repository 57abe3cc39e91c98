"""A check finds what is wrong with a store, says it in plain words, and changes nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_agent.context.check import Checkup, check
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from orchestrator.errors import StoreUnavailable
from orchestrator.types import Record


def change(path: Path, *statements: str) -> None:
    """What our own code never does to a store."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def parts(found: Checkup) -> set[str]:
    return {fault.part for fault in found.faults}


def test_a_store_that_is_used_is_sound(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        store.forget(store.add(Record(kind="note", body="for a moment")))
        found = check(lived_in)
    assert (found.records, found.faults, found.sound) == (300, (), True)


def test_a_check_changes_nothing(lived_in: Path) -> None:
    before = lived_in.read_bytes()
    check(lived_in)
    assert lived_in.read_bytes() == before
    assert {file.name for file in lived_in.parent.iterdir()} == {"context.db"}


def test_a_store_of_an_earlier_version_is_sound_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    first = Schema(SCHEMA.noun, SCHEMA.steps[:1])
    database = Database(path, first)
    with database.write() as db:
        db.execute(
            "INSERT INTO records (kind, title, body, people, place, source, sensitivity) "
            "VALUES ('note', 'old', '', '[]', '', 'user', 'personal')"
        )
    database.close()
    assert check(path) == Checkup(path, 1, ())
    Database(path, first).close()


@pytest.mark.parametrize(
    ("part", "said", "statement"),
    [
        ("words", "index of words", "INSERT INTO records_fts (records_fts) VALUES ('delete-all')"),
        ("words", "index of words", "DELETE FROM records_fts_data WHERE id > 10"),
        (
            "source_items",
            "that belong to no record: 1",
            "UPDATE source_items SET key = 'note:gone' WHERE key = 'note:7'",
        ),
        ("source_items", "that belong to no source: 1", "UPDATE source_items SET source_id = 9 WHERE key = 'note:7'"),
        ("vectors", "that belong to no record: 1", "UPDATE vectors SET record_id = 999 WHERE record_id = 7"),
        (
            "vectors",
            "two forms do not agree: 1",
            "UPDATE codes SET bits = zeroblob(8) WHERE id IN (SELECT id FROM vectors WHERE record_id = 7)",
        ),
        ("vectors", "two forms do not agree: 1", "UPDATE vectors SET bytes = 'some text' WHERE record_id = 7"),
        ("records", "be read: 1, with the ids 7", "UPDATE records SET time = 'next Tuesday' WHERE id = 7"),
        ("records", "be read: 1, with the ids 7", "UPDATE records SET starts_at = 12 WHERE id = 7"),
        ("records", "be read: 1, with the ids 7", "UPDATE records SET source = CAST(x'ff' AS TEXT) WHERE id = 7"),
        ("records", "be read: 1, with the ids 7", "UPDATE records SET people = 'nobody' WHERE id = 7"),
    ],
)
def test_each_fault_is_found_and_named(lived_in: Path, part: str, said: str, statement: str) -> None:
    change(lived_in, "PRAGMA foreign_keys = off", statement)
    found = check(lived_in)
    assert part in parts(found)
    assert any(said in fault.text for fault in found.faults)
    assert "thing7" not in " ".join(fault.text for fault in found.faults)


def test_a_damaged_page_is_found(lived_in: Path) -> None:
    with lived_in.open("rb+") as file:
        file.seek(20 * 4096)
        file.write(b"\xa5" * 4096)
    assert not check(lived_in).sound


def test_a_file_that_is_no_store_is_told_so(tmp_path: Path) -> None:
    letter = tmp_path / "letter.db"
    letter.write_bytes(b"Dear aunt, " * 1000)
    assert [fault.text for fault in check(letter).faults] == [f"{letter} is damaged, or is not a context store."]
    change(tmp_path / "bills.db", "CREATE TABLE bills (amount)")
    assert "is a database, but not a context store" in check(tmp_path / "bills.db").faults[0].text


def test_no_file_and_a_newer_one_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with pytest.raises(StoreUnavailable, match="there is no context store"):
        check(path)
    assert not path.exists()

    def of_tomorrow(db: object) -> None: ...

    Database(path, Schema(SCHEMA.noun, (*SCHEMA.steps, of_tomorrow))).close()
    with pytest.raises(StoreUnavailable, match="newer version") as refused:
        check(path)
    assert "edgewise context restore" in refused.value.remedy
