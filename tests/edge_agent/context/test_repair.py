"""A repair saves what can be read, says what could not be, and keeps the damaged file."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from edge_agent.context import salvage
from edge_agent.context.check import check
from edge_agent.context.repair import repair
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from orchestrator.errors import StoreCorrupt, StoreUnavailable
from orchestrator.types import Record


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def texts(path: Path) -> dict[int | None, str]:
    with SqliteContextStore(path) as store:
        return {record.id: record.body for record in store.list()}


def pages_of(path: Path, name: str) -> list[int]:
    """The pages of a table or index, counted from 1."""
    connection = sqlite3.connect(path)
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
    connection.close()
    data = path.read_bytes()
    found, waiting = [], [root]
    while waiting:
        page = waiting.pop()
        found.append(page)
        start = (page - 1) * 4096
        if data[start] in (2, 5):  # inner pages: children in cells, and one more on the right
            count = int.from_bytes(data[start + 3 : start + 5])
            cells = [int.from_bytes(data[start + 12 + 2 * n : start + 14 + 2 * n]) for n in range(count)]
            waiting += [int.from_bytes(data[start + cell : start + cell + 4]) for cell in cells]
            waiting.append(int.from_bytes(data[start + 8 : start + 12]))
    return found


def spoil(path: Path, page: int) -> None:
    with path.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(random.Random(page).randbytes(4096))


def test_a_sound_store_is_left_alone(lived_in: Path) -> None:
    before = lived_in.read_bytes()
    done = repair(lived_in)
    assert (done.faults, done.records, done.lost, done.former) == ((), 300, (), None)
    assert lived_in.read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO records_fts (records_fts) VALUES ('delete-all')",
        "DELETE FROM records_fts_data",
        "UPDATE source_items SET key = 'note:gone' WHERE key = 'note:7'",
        "UPDATE source_items SET source_id = 9 WHERE key = 'note:7'",
        "UPDATE vectors SET record_id = 999 WHERE record_id = 7",
        "UPDATE codes SET bits = zeroblob(8) WHERE id IN (SELECT id FROM vectors WHERE record_id = 7)",
    ],
)
def test_what_can_be_made_again_costs_no_record(lived_in: Path, statement: str) -> None:
    before = texts(lived_in)
    change(lived_in, "PRAGMA foreign_keys = off", statement)
    done = repair(lived_in)
    assert (done.records, done.lost) == (300, ())
    assert sum(done.dropped.values()) <= 2
    assert check(lived_in).faults == ()
    assert texts(lived_in) == before
    with SqliteContextStore(lived_in) as store:
        assert [record.id for record in store.search("thing7 note")] == [103]  # each source's notes in their turn


def test_a_record_that_cannot_be_read_is_named_and_no_other_is_lost(lived_in: Path) -> None:
    before = texts(lived_in)
    change(lived_in, "UPDATE records SET body = CAST(x'fffefd' AS TEXT) WHERE id = 7")
    done = repair(lived_in)
    assert done.lost == (7,)
    assert texts(lived_in) == {number: text for number, text in before.items() if number != 7}


def test_lost_pages_cost_what_was_on_them_and_every_loss_is_known(lived_in: Path) -> None:
    before = texts(lived_in)
    leaves = pages_of(lived_in, "records")[1:]
    for page in (leaves[2], leaves[-2]):
        spoil(lived_in, page)
    done = repair(lived_in)
    after = texts(lived_in)
    assert set(before) - set(after) == set(done.lost)
    assert 0 < len(done.lost) < 40
    assert all(before[number] == text for number, text in after.items())
    assert check(lived_in).faults == ()


@pytest.mark.parametrize("name", ["records", "sqlite_schema"])
def test_where_no_tree_leads_to_the_records_their_pages_are_found(lived_in: Path, name: str) -> None:
    before = texts(lived_in)
    root = 1 if name == "sqlite_schema" else pages_of(lived_in, name)[0]
    spoil(lived_in, root)
    done = repair(lived_in)
    assert (done.records, done.lost, done.all_known) == (300, (), name == "records")
    assert texts(lived_in) == before
    assert check(lived_in).faults == ()


def test_what_was_forgotten_is_not_found_on_a_page(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        store.forget(*range(1, 290))
    spoil(lived_in, 1)
    done = repair(lived_in)
    assert sorted(filter(None, texts(lived_in))) == list(range(290, 301))
    assert done.dropped["forgotten"]


def test_after_a_loss_the_files_are_read_again(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        assert store.known_items(lived_in.parent / "notes-0", "as read") == 100
    spoil(lived_in, pages_of(lived_in, "records")[3])
    assert repair(lived_in).lost
    with SqliteContextStore(lived_in) as store:
        assert store.known_items(lived_in.parent / "notes-0", "as read") is None


@pytest.mark.parametrize("name", ["vectors", "source_items", "sources", "records_fts_data", "records_fts_docsize"])
def test_a_spoiled_table_beside_the_records_costs_no_record(lived_in: Path, name: str) -> None:
    before = texts(lived_in)
    spoil(lived_in, pages_of(lived_in, name)[0])
    assert repair(lived_in).lost == ()
    assert check(lived_in).faults == ()
    assert texts(lived_in) == before


def test_where_it_is_no_more_known_what_was_forgotten_files_are_not_read_again(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        store.forget(7)
    spoil(lived_in, pages_of(lived_in, "forgotten")[0])
    assert repair(lived_in).dropped["forgotten"]
    with SqliteContextStore(lived_in) as store:
        assert store.known_items(lived_in.parent / "notes-0", "as read") == 99


def test_everything_but_what_is_made_again_is_carried_over_as_it_is(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        store.forget(7)
        store.add(
            Record(kind="contact", title="Zoë", body="Phone +49 30 123456", people=("Zoë Weber", "zoe@example.org"))
        )
    change(
        lived_in,
        "UPDATE records SET thread = 'chat:1', kind = 'answered', mark = 'private', chosen = 'public' WHERE id = 8",
        "INSERT INTO conversations VALUES ('chat:1', 'Holidays')",
        "INSERT INTO answers VALUES (8, 'private')",
        "INSERT INTO answer_records VALUES (8, 9, 0)",
        "INSERT INTO label_choices VALUES ('person', 'Zoë', 'private')",
        "INSERT INTO records_fts (records_fts) VALUES ('delete-all')",
    )
    before = all_rows(lived_in)
    done = repair(lived_in)
    assert (done.lost, sum(done.dropped.values())) == ((), 0)
    assert all_rows(lived_in) == before


def all_rows(path: Path) -> dict[str, list[object]]:
    """Of each table that a repair does not make anew; of a source all but its state, which is to be found out again."""
    connection = sqlite3.connect(path)
    names = salvage.tables(connection).keys() - {"occurrences", "series", "unembedded"}
    rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
    connection.close()
    return {**rows, "sources": [(number, file, reading) for number, file, _, reading in rows["sources"]]}


def test_no_id_is_given_again(lived_in: Path) -> None:
    with SqliteContextStore(lived_in) as store:
        store.forget(store.add(Record(kind="note", body="the 301st")))
    change(lived_in, "INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
    repair(lived_in)
    with SqliteContextStore(lived_in) as store:
        assert store.add(Record(kind="note", body="another")) == 302


def test_the_damaged_file_is_kept_as_it_was(lived_in: Path) -> None:
    change(lived_in, "INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
    before = lived_in.read_bytes()
    done = repair(lived_in)
    assert done.former == lived_in.with_name("context.former-1.db")
    assert done.former.read_bytes() == before
    assert lived_in.stat().st_mode & 0o777 == 0o600


def test_a_damaged_store_of_an_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    database = Database(path, Schema(SCHEMA.noun, SCHEMA.steps[:1]))
    with database.write() as db:
        db.execute(
            "INSERT INTO records (kind, title, body, people, place, source, sensitivity) "
            "VALUES ('note', 'old', '', '[]', '', 'user', 'personal')"
        )
        db.execute("INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
    database.close()
    assert repair(path).records == 1
    with SqliteContextStore(path) as store:
        assert [record.title for record in store.search("old")] == ["old"]


def test_what_is_no_store_is_not_repaired(tmp_path: Path) -> None:
    letter = tmp_path / "letter.db"
    letter.write_bytes(b"Dear aunt, " * 1000)
    with pytest.raises(StoreCorrupt):
        repair(letter)
    change(tmp_path / "bills.db", "CREATE TABLE bills (amount)", "INSERT INTO bills VALUES (3)")
    with pytest.raises(StoreCorrupt, match=r"no record of .* can be read"):
        repair(tmp_path / "bills.db")
    assert {file.name for file in tmp_path.iterdir()} == {"letter.db", "bills.db"}


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be read: no such file"):
        repair(tmp_path / "context.db")
