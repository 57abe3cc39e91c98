"""Opening plain and encrypted files through the one seam."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlite_utils

from edge_agent.database import Database, Schema
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile, Variable
from orchestrator.errors import StoreCorrupt, StoreLocked

CANARY = b"ultramarine"


def create_things(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE thing (name TEXT)")


SHELF = Schema("shelf", (create_things,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shelf.db"


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "key")


@contextmanager
def opened(path: Path, encryption: Encryption | None) -> Iterator[Database]:
    database = Database(path, SHELF, encryption=encryption)
    try:
        yield database
    finally:
        database.close()


def put(path: Path, encryption: Encryption | None) -> None:
    with opened(path, encryption) as database, database.write() as db:
        db.execute("INSERT INTO thing VALUES (?)", [CANARY.decode()])


def names(path: Path, encryption: Encryption | None) -> list[str]:
    with opened(path, encryption) as database, database.lend() as db:
        return [name for (name,) in db.execute("SELECT name FROM thing")]


def test_a_new_file_is_encrypted_where_that_is_required(path: Path, key: KeyFile) -> None:
    with opened(path, Encryption(key, required=True)) as database, database.write() as db:
        db.execute("INSERT INTO thing VALUES (?)", [CANARY.decode()])
    put(path, Encryption(key, required=True))
    files = [file for file in path.parent.iterdir() if file != key.path]
    assert path in files
    assert not [file for file in files if CANARY in file.read_bytes() or b"SQLite" in file.read_bytes()]


def test_an_encrypted_file_is_recognised_without_being_announced(path: Path, key: KeyFile) -> None:
    put(path, Encryption(key, required=True))
    assert names(path, Encryption(key)) == [CANARY.decode()]


def test_a_plain_file_asks_for_no_key(path: Path) -> None:
    put(path, None)
    assert names(path, Encryption(Variable("THERE_IS_NO_SUCH_VARIABLE"))) == [CANARY.decode()]


def test_a_passphrase_opens_the_file_in_sqlciphers_own_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDS", "correct horse")
    put(path, Encryption(Variable("WORDS"), required=True))
    from sqlcipher3 import dbapi2

    with closing(dbapi2.connect(path)) as connection:
        connection.execute("PRAGMA key = 'correct horse'")
        assert connection.execute("SELECT name FROM thing").fetchall() == [(CANARY.decode(),)]


@pytest.mark.parametrize("required", [False, True])
def test_a_wrong_key_is_refused_in_words(
    path: Path, key: KeyFile, required: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    put(path, Encryption(key, required=True))
    monkeypatch.setenv("WORDS", "hunter2")
    with pytest.raises(StoreLocked, match=r"WORDS does not open .*shelf\.db") as refused:
        names(path, Encryption(Variable("WORDS"), required=required))
    assert "hunter2" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
    assert names(path, Encryption(key)) == [CANARY.decode()]


def test_a_missing_key_is_missed_by_name(path: Path, key: KeyFile) -> None:
    put(path, Encryption(key, required=True))
    key.path.unlink()
    with pytest.raises(StoreLocked, match=r"shelf\.db is encrypted, and there is no key file"):
        names(path, Encryption(key, required=True))
    assert not key.path.exists(), "a key that does not fit would only mislead"


def test_an_encrypted_file_opened_without_a_word_about_keys(path: Path, key: KeyFile) -> None:
    put(path, Encryption(key, required=True))
    with pytest.raises(StoreLocked, match=r"shelf\.db is encrypted"):
        names(path, None)


def test_without_the_extra(path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, Encryption(key, required=True))
    monkeypatch.setitem(sys.modules, "edge_agent.sqlcipher", None)
    with pytest.raises(StoreLocked, match="is encrypted, and encryption is not installed") as refused:
        names(path, Encryption(key))
    assert "edgewise[encryption]" in refused.value.remedy


def test_a_plain_file_is_refused_where_encryption_is_required(path: Path, key: KeyFile) -> None:
    put(path, None)
    key.make()
    with pytest.raises(StoreLocked, match="is not encrypted, and the configuration requires it") as refused:
        names(path, Encryption(key, required=True))
    assert "edgewise context encrypt" in refused.value.remedy


def test_what_is_neither_is_called_damaged(path: Path, key: KeyFile) -> None:
    path.write_bytes(b"a letter to my aunt, and no database at all" * 200)
    with pytest.raises(StoreCorrupt, match="is damaged, or is not a shelf"):
        names(path, Encryption(key))


def test_a_damaged_page_is_found(path: Path, key: KeyFile) -> None:
    encryption = Encryption(key, required=True)
    with opened(path, encryption) as database, database.write() as db:
        db.conn.executemany("INSERT INTO thing VALUES (?)", [[f"{number} " * 200] for number in range(200)])
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(8192))
    with pytest.raises(StoreCorrupt, match=r"shelf\.db"):
        names(path, encryption)


CREATE = """
import sys
from pathlib import Path
from tests.edge_agent.test_driver import put
from edge_agent.driver import Encryption
from edge_agent.keys import Variable

sys.stdin.readline()
put(Path(sys.argv[1]), Encryption(Variable("WORDS"), required=True))
"""


def test_processes_that_create_it_at_once_agree(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDS", "f0" * 32)
    command = [sys.executable, "-c", CREATE, str(path)]
    creators = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("now\n")
        creator.stdin.close()
    assert [creator.wait(60) for creator in creators] == [0] * 4
    assert names(path, Encryption(Variable("WORDS"))) == [CANARY.decode()] * 4


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO thing VALUES ('from another process')")
connection.commit()
connection.close()
"""


def test_another_connection_does_not_cost_the_first_its_lock(path: Path) -> None:
    """Closing any descriptor of a file drops a process's locks on it; another process would then remove the log."""
    with opened(path, None) as database:
        with database.lend(), database.lend():  # a second connection
            pass
        subprocess.run([sys.executable, "-c", WRITE, str(path)], check=True)
        with database.write() as db:
            db.execute("INSERT INTO thing VALUES ('from this one')")
        with closing(sqlite3.connect(path)) as other:
            assert len(other.execute("SELECT name FROM thing").fetchall()) == 2
        assert path.with_name("shelf.db-wal").exists()


def test_an_encrypted_file_that_is_open_is_never_touched_by_the_other_driver(path: Path, key: KeyFile) -> None:
    """The other one would take itself for the only one, and remove the log that this process goes on writing."""
    with opened(path, Encryption(key, required=True)) as database:
        for how in (Encryption(key), None):
            with database.write() as db:
                db.execute("INSERT INTO thing VALUES ('one more')")
            if how is None:
                with pytest.raises(StoreLocked, match="is encrypted"):
                    names(path, how)
            else:
                assert names(path, how) == ["one more"]
        with database.write() as db:
            db.execute("INSERT INTO thing VALUES ('the last')")
        assert path.with_name("shelf.db-wal").exists()
    assert names(path, Encryption(key)) == ["one more", "one more", "the last"]
