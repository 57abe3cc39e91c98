"""Opening and using a SQLite file: who may read it, what it becomes, and how failures are told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlite_utils

from edge_agent.database import Database, Schema
from orchestrator.errors import StoreCorrupt, StoreError, StoreUnavailable


def create_things(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE thing (name TEXT PRIMARY KEY) STRICT")


def add_colours(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE thing ADD COLUMN colour TEXT")


def break_half_way(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE half (name TEXT) STRICT")
    db.execute("CREATE TABLE thing (name TEXT)")


FIRST = Schema("shelf", (create_things,))
SECOND = Schema("shelf", (create_things, add_colours))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "shelf.db"


def put(database: Database, name: str) -> None:
    with database.write() as db:
        db.execute("INSERT INTO thing (name) VALUES (?)", [name])


def names(database: Database) -> list[str]:
    with database.lend() as db:
        return [name for (name,) in db.execute("SELECT name FROM thing ORDER BY name")]


def test_only_its_owner_may_read_it(path: Path) -> None:
    database = Database(path, FIRST)
    put(database, "a")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_an_exception_takes_everything_back(path: Path) -> None:
    database = Database(path, FIRST)

    def half() -> None:
        with database.write() as db:
            db.execute("INSERT INTO thing (name) VALUES ('a')")
            raise LookupError

    with pytest.raises(LookupError):
        half()
    put(database, "b")
    assert names(database) == ["b"]
    database.close()


def test_a_write_waits_for_the_disk_unless_it_need_not(path: Path) -> None:
    database = Database(path, FIRST)
    for durable, synchronous in ((True, 2), (False, 1), (True, 2)):  # FULL and NORMAL, as SQLite counts
        with database.write(durable=durable) as db:
            assert db.execute("PRAGMA synchronous").fetchone() == (synchronous,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_a_reader_never_waits_for_a_writer(path: Path) -> None:
    database = Database(path, FIRST)
    put(database, "old")
    with database.write() as db:
        db.execute("INSERT INTO thing (name) VALUES ('new')")
        assert names(database) == ["old"]
    assert names(database) == ["new", "old"]
    database.close()


def test_a_file_of_an_older_version_is_brought_up_to_date(path: Path) -> None:
    old = Database(path, FIRST)
    put(old, "kept")
    old.close()
    new = Database(path, SECOND)
    with new.lend() as db:
        assert db.execute("SELECT name, colour FROM thing").fetchall() == [("kept", None)]
    new.close()


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Database(path, SECOND).close()
    with pytest.raises(StoreUnavailable, match=r"newer version .*shelf\.db") as refused:
        Database(path, FIRST)
    assert refused.value.remedy == "upgrade Edgewise"


@pytest.mark.parametrize(("size", "said"), [(10, False), (20_000_001, True)])
def test_bringing_a_large_file_up_to_date_is_told(
    path: Path, caplog: pytest.LogCaptureFixture, size: int, said: bool
) -> None:
    database = Database(path, FIRST)
    put(database, "a" * size)
    with database.lend() as db:
        db.execute("PRAGMA wal_checkpoint(truncate)")
    database.close()
    Database(path, SECOND).close()
    assert ("bringing the shelf up to date" in caplog.text) is said


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    Database(path, FIRST).close()
    with pytest.raises(StoreError):
        Database(path, Schema("shelf", (create_things, break_half_way)))
    database = Database(path, FIRST)
    with database.lend() as db:
        assert "half" not in db.table_names()
    database.close()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    with pytest.raises(StoreCorrupt, match="is a database, but not a shelf"):
        Database(path, FIRST)


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"a letter to my aunt, and no database at all" * 100)
    with pytest.raises(StoreCorrupt, match=r"shelf\.db is damaged, or is not a shelf") as refused:
        Database(path, FIRST)
    assert "aunt" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Database(tmp_path / "file" / "shelf.db", FIRST)


def test_a_lock_that_is_not_given_back_is_told(path: Path) -> None:
    database = Database(path, FIRST, busy_timeout_s=0.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        put(database, "a")
    other.close()
    put(database, "b")
    assert names(database) == ["b"]
    database.close()


def test_errors_do_not_quote_what_was_stored(path: Path) -> None:
    database = Database(path, FIRST)
    put(database, "a secret")
    with pytest.raises(StoreError) as failed:
        put(database, "a secret")
    assert "secret" not in str(failed.value)
    assert "SQLITE_CONSTRAINT_PRIMARYKEY" in failed.value.message
    database.close()


def test_after_closing_nothing_works_and_closing_again_is_fine(path: Path) -> None:
    database = Database(path, FIRST)
    database.close()
    database.close()
    with pytest.raises(StoreUnavailable, match="was closed"):
        names(database)


def test_a_connection_lent_while_closing_is_closed_when_it_comes_back(path: Path) -> None:
    database = Database(path, FIRST)
    with database.lend() as db:
        database.close()
        assert db.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_threads_write_one_after_the_other(path: Path) -> None:
    database = Database(path, FIRST)
    threads = [threading.Thread(target=put, args=(database, f"{n:02}")) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(database) == [f"{n:02}" for n in range(16)]
    database.close()


def test_another_process_that_comes_and_goes_loses_nothing_of_ours(path: Path) -> None:
    """The last one out removes the write-ahead log: nobody may take itself for the last while we are here."""
    script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT * FROM thing').fetchall())"
    ask = [sys.executable, "-c", script, str(path)]
    database = Database(path, FIRST)
    with database.lend(), database.lend():  # the second connection is a new one
        pass
    assert subprocess.check_output(ask, text=True) == "[]\n"
    put(database, "kept")
    assert subprocess.check_output(ask, text=True) == "[('kept',)]\n"
    database.close()


def test_processes_that_open_a_new_file_at_once_all_get_it(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; sys.stdin.readline(); from edge_agent.ledger import SqliteLedgerStore\n"
        "SqliteLedgerStore.open(Path(sys.argv[1])).close()"
    )
    arguments = [sys.executable, "-c", script, str(path)]
    children = [subprocess.Popen(arguments, stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for child in children:
        child.communicate("\n")
    assert [child.returncode for child in children] == [0, 0, 0, 0]
