"""Encrypting and decrypting a store that is there: nothing lost, nothing left readable, at whatever moment it dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent import conversion
from edge_agent.context.items import Item
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile, Variable
from edge_agent.replacing import replace
from orchestrator.errors import StoreCorrupt, StoreLocked, StoreUnavailable
from orchestrator.types import Record

CANARY = "ultramarine"


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys" / "key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with records, one of them forgotten."""
    path = tmp_path / "home" / "context.db"
    with SqliteContextStore(path) as store:
        store.put(Item(Record(kind="note", body=f"{CANARY} {n} " * 20), f"key {n}") for n in range(300))
        store.forget(7)
    return path


def encrypt(path: Path, key: KeyFile) -> bool:
    return conversion.convert(path, SCHEMA, opened_by=key, to=key)


def decrypt(path: Path, key: KeyFile) -> bool:
    return conversion.convert(path, SCHEMA, opened_by=key, to=None)


def content(path: Path, key: KeyFile) -> Sequence[str]:
    """Every record; each can also be found by its words."""
    with SqliteContextStore(path, encryption=Encryption(key)) as store:
        lines = list(store.export())
        assert len(store.search(CANARY, limit=1000)) == len(lines)
        return lines


def readable(path: Path) -> list[str]:
    """The files beside the store, itself among them, that hold its words."""
    return sorted(file.name for file in path.parent.iterdir() if CANARY.encode() in file.read_bytes())


def integrity(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()


def test_there_and_back(path: Path, key: KeyFile) -> None:
    before = content(path, key)
    assert readable(path) == ["context.db"]
    assert encrypt(path, key)
    assert readable(path) == []
    assert path.stat().st_mode & 0o777 == 0o600
    assert content(path, key) == before
    assert readable(path) == []
    assert decrypt(path, key)
    assert content(path, key) == before
    assert integrity(path) == [("ok",)]
    assert sorted(file.name for file in path.parent.iterdir()) == ["context.db"]


def test_an_id_is_not_given_again(path: Path, key: KeyFile) -> None:
    with SqliteContextStore(path) as store:
        store.forget(300)
    encrypt(path, key)
    with SqliteContextStore(path, encryption=Encryption(key)) as store:
        assert store.add(Record(kind="note", body="next")) == 301


def test_what_is_so_already_is_left_alone(path: Path, key: KeyFile) -> None:
    assert not decrypt(path, key)
    encrypt(path, key)
    salt = path.read_bytes()[:16]
    assert not encrypt(path, key)
    assert path.read_bytes()[:16] == salt


def test_another_key(path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(path, key)
    encrypt(path, key)
    monkeypatch.setenv("WORDS", "correct horse")
    assert conversion.convert(path, SCHEMA, opened_by=key, to=Variable("WORDS"))
    with pytest.raises(StoreLocked):
        content(path, key)
    assert conversion.convert(path, SCHEMA, opened_by=Variable("WORDS"), to=key)
    assert content(path, key) == before


def test_with_a_wrong_key_nothing_is_converted(path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    encrypt(path, key)
    stored = path.read_bytes()
    monkeypatch.setenv("WORDS", "wrong")
    with pytest.raises(StoreLocked):
        conversion.convert(path, SCHEMA, opened_by=Variable("WORDS"), to=None)
    assert path.read_bytes() == stored


def test_a_store_that_is_not_there(tmp_path: Path, key: KeyFile) -> None:
    with pytest.raises(StoreUnavailable, match="there is no context store"):
        encrypt(tmp_path / "context.db", key)
    assert not list(tmp_path.iterdir())


def test_a_second_name_of_the_file_is_not_destroyed(path: Path, key: KeyFile) -> None:
    backup = path.with_name("backup.db")
    os.link(path, backup)
    with pytest.raises(StoreUnavailable, match="another name"):
        encrypt(path, key)
    assert integrity(backup) == [("ok",)]


def test_a_copy_that_differs_is_thrown_away(path: Path, key: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copy_rightly = content(path, key), conversion._copy

    def copy_wrongly(connection: sqlite3.Connection, new: Path, new_key: object) -> None:
        copy_rightly(connection, new, None)
        with closing(sqlite3.connect(new)) as damaged, damaged:
            damaged.execute("UPDATE records SET body = 'other' WHERE id = 250")

    encrypt(path, key)
    monkeypatch.setattr(conversion, "_copy", copy_wrongly)
    with pytest.raises(StoreCorrupt, match="is not equal to it"):
        decrypt(path, key)
    assert content(path, key) == before
    assert readable(path) == []


@pytest.mark.parametrize("direction", ["encrypt", "decrypt"])
def test_a_damaged_store_is_not_converted(path: Path, key: KeyFile, direction: str) -> None:
    if direction == "decrypt":
        encrypt(path, key)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(os.urandom(4096))
    damaged = path.read_bytes()[4096:]
    with pytest.raises(StoreCorrupt):
        encrypt(path, key) if direction == "encrypt" else decrypt(path, key)
    assert path.read_bytes()[4096:] == damaged
    assert sorted(file.name for file in path.parent.iterdir()) == ["context.db"]


NO_ROOM = """
import resource, sys
from pathlib import Path
from edge_agent.context.schema import SCHEMA
from edge_agent.conversion import convert
from edge_agent.keys import KeyFile
from orchestrator.errors import StoreUnavailable

key = KeyFile(Path(sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    convert(Path(sys.argv[1]), SCHEMA, opened_by=key, to=key)
except StoreUnavailable as error:
    print(error.message)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit to the size of files")
def test_without_room_for_another_file_the_store_stays_as_it_was(path: Path, key: KeyFile) -> None:
    before = content(path, key)
    command = [sys.executable, "-c", NO_ROOM, str(path), str(key.path)]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "disk" in tried.stdout, tried.stderr
    assert sorted(file.name for file in path.parent.iterdir()) == ["context.db"]
    assert content(path, key) == before


# --- others at the same time ------------------------------------------------------------------------------------

HOLD = """
import sys
from edge_agent.context.store import SqliteContextStore

with SqliteContextStore(sys.argv[1]) as store:
    print("open", flush=True)
    sys.stdin.readline()
"""
OPEN = """
import sys
from pathlib import Path
from edge_agent.context.store import SqliteContextStore
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile
from orchestrator.errors import StoreUnavailable

try:
    with SqliteContextStore(
        sys.argv[1], encryption=Encryption(KeyFile(Path(sys.argv[2]))), busy_timeout_s=float(sys.argv[3])
    ) as store:
        print(len(list(store.export())))
except StoreUnavailable:
    print("locked")
"""


def test_a_store_that_another_program_has_open_is_left_alone(path: Path, key: KeyFile) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreUnavailable, match="locked by another program"):
            encrypt(path, key)
        holder.communicate("done\n", timeout=30)
    assert len(content(path, key)) == 299
    assert readable(path) == ["context.db"]


@pytest.mark.parametrize("direction", ["encrypt", "decrypt"])
def test_who_comes_in_between_waits_and_finds_the_new_file(
    path: Path, key: KeyFile, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.make()
    if direction == "decrypt":
        encrypt(path, key)
    waiting: list[subprocess.Popen[str]] = []

    def come(timeout_s: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OPEN, str(path), str(key.path), str(timeout_s)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def replace_with_company(place: Path) -> None:
        impatient = come(0.0)
        assert impatient.communicate(timeout=30)[0] == "locked\n"
        waiting.append(come(60.0))
        replace(place)

    monkeypatch.setattr(conversion, "replace", replace_with_company)
    assert encrypt(path, key) if direction == "encrypt" else decrypt(path, key)
    assert waiting[0].communicate(timeout=60)[0] == "299\n"
    assert content(path, key)


# --- killed -----------------------------------------------------------------------------------------------------

DIE = """
import os, signal, sys
from pathlib import Path
from edge_agent.context.schema import SCHEMA
from edge_agent.conversion import convert
from edge_agent.keys import KeyFile

path, key, direction, steps = Path(sys.argv[1]), KeyFile(Path(sys.argv[2])), sys.argv[3], int(sys.argv[4])
left = steps

def dying(call):
    def step(*arguments, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*arguments, **more)
    return step

for name in ("open", "close", "link", "replace", "unlink", "fsync"):
    setattr(os, name, dying(getattr(os, name)))
convert(path, SCHEMA, opened_by=key, to=key if direction == "encrypt" else None)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("direction", ["encrypt", "decrypt"])
def test_killed_before_any_step_it_leaves_one_whole_store(path: Path, key: KeyFile, direction: str) -> None:
    key.make()
    if direction == "decrypt":
        encrypt(path, key)
    before = content(path, key)
    for steps in range(30):
        command = [sys.executable, "-c", DIE, str(path), str(key.path), direction, str(steps)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        assert content(path, key) == before
        assert sorted(file.name for file in path.parent.iterdir()) == ["context.db"]
        if ended.returncode == 0:
            break
    assert 5 < steps < 29, "each step of the file system was tried, up to the last"
    assert readable(path) == ([] if direction == "encrypt" else ["context.db"])
