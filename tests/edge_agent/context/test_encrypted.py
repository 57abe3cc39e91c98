"""An encrypted store through its life: no word of it reaches the disk, and it is kept safe as others are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.backup import backup, restore
from edge_agent.context.check import check
from edge_agent.context.importers import import_paths
from edge_agent.context.items import Item
from edge_agent.context.repair import repair
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.conversion import convert
from edge_agent.driver import Encryption
from orchestrator.errors import StoreLocked
from orchestrator.types import Record

CANARY = "ultramarine"
PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "context.db"


@pytest.fixture
def required(encryption: Encryption) -> Encryption:
    return replace(encryption, required=True)


@pytest.fixture
def readable(tmp_path: Path) -> Callable[[], list[str]]:
    """Which files of the home folder hold a word of the store, or are SQLite's without encryption."""

    def look() -> list[str]:
        words = (CANARY.encode(), b"CREATE TABLE", b"SQLite format")
        files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
        assert files
        return [file.name for file in files if any(word in file.read_bytes() for word in words)]

    return look


def canaries(count: int) -> list[Item]:
    body = f"the shed is {CANARY}, " * 10
    return [
        Item(Record(kind="note", title=f"{CANARY} {n}", body=body, source="notes"), f"note:{n}") for n in range(count)
    ]


def test_no_word_reaches_the_disk(
    path: Path, required: Encryption, readable: Callable[[], list[str]], tmp_path: Path, monday: datetime
) -> None:
    from tests.edge_agent.context.conftest import CountingEmbedder

    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(30):
        (notes / f"{number}.md").write_text(f"# Shed {number}\n\nThe shed is {CANARY}. " * 20)
    with SqliteContextStore(path, embedder=CountingEmbedder(), encryption=required) as store:
        assert import_paths(store, [notes]).added == 30
        assert readable() == [], "importing"
        while store.embed_missing():
            assert readable() == [], "embedding"
        assert store.ranked(f"Which colour is {CANARY}?", limit=3, now=monday)
        assert readable() == [], "recalling"
        with store._database.lend() as db:
            db.execute("VACUUM")
            assert readable() == [], "compacting"
        store.forget(*[record.id for record in store.list(limit=20) if record.id])
        assert readable() == [], "forgetting"
        store.put(canaries(2000))  # more than the page cache holds
        assert path.with_name("context.db-wal").stat().st_size
        assert readable() == [], "writing much"
    assert readable() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_agent.context.store import SqliteContextStore
from edge_agent.conversion import convert
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile
from orchestrator.types import Record

store = SqliteContextStore(sys.argv[1], encryption=Encryption(KeyFile(Path(sys.argv[2])), required=True))
for number in range(50):
    store.add(Record(kind="note", body=sys.argv[3]))
with store._database.write() as db:
    db.execute("UPDATE records SET body = body || body")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("announced", [True, False])
def test_a_killed_process_leaves_all_it_acknowledged_and_no_word(
    path: Path, required: Encryption, readable: Callable[[], list[str]], tmp_path: Path, announced: bool
) -> None:
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "key"), CANARY]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert path.with_name("context.db-wal").stat().st_size
    assert readable() == []
    with SqliteContextStore(path, encryption=replace(required, required=announced)) as store:
        assert store.stats().encrypted
        assert [record.body for record in store.list()] == [CANARY] * 50
    assert readable() == []
    assert check(path, required).sound


COMING_AND_GOING = """
import sys
from pathlib import Path
from edge_agent.context.store import SqliteContextStore
from edge_agent.conversion import convert
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile
from orchestrator.types import Record

sys.stdin.readline()
for number in range(15):
    with SqliteContextStore(sys.argv[1], encryption=Encryption(KeyFile(Path(sys.argv[2]))), busy_timeout_s=60) as store:
        store.add(Record(kind="note", body=f"note {number}"))
"""


def test_processes_that_come_and_go_lose_nothing(path: Path, required: Encryption, tmp_path: Path) -> None:
    """None of them is told that it is encrypted: finding out disturbs nobody who has it open."""
    SqliteContextStore(path, encryption=required).close()
    command = [sys.executable, "-c", COMING_AND_GOING, str(path), str(tmp_path / "key")]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [writer.communicate("now\n", timeout=120)[1] for writer in writers] == [""] * 4
    assert check(path, required).sound
    with SqliteContextStore(path, encryption=required) as store:
        assert store.stats().records == 60


def test_recall_brings_the_same(
    household: SqliteContextStore, path: Path, encryption: Encryption, monday: datetime
) -> None:
    path.parent.mkdir()
    backup(household.path, path)
    assert convert(path, SCHEMA, opened_by=encryption.keys, to=encryption.keys)
    with SqliteContextStore(path, encryption=encryption) as store:
        assert list(store.export()) == list(household.export())
        for record in household.list(limit=40):
            question = f"When was that with {record.title or record.body[:40]}?"
            assert store.recall(question, limit=8, now=monday) == household.recall(question, limit=8, now=monday)


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_encrypted_store_keeps_more_pages(path: Path, encryption: Encryption, encrypted: bool) -> None:
    with (
        SqliteContextStore(path, encryption=replace(encryption, required=encrypted)) as store,
        store._database.lend() as db,
    ):
        (pages,) = db.execute("PRAGMA cache_size").fetchone()
        assert (pages < -60_000) == encrypted
        assert db.execute("PRAGMA temp_store").fetchone() == (2,), "in memory"


def test_a_backup_is_encrypted_and_comes_back(
    path: Path, required: Encryption, readable: Callable[[], list[str]]
) -> None:
    copy = path.with_name("copy.db")
    with SqliteContextStore(path, encryption=required) as store:
        store.put(canaries(50))
        assert backup(path, copy, required).records == 50
        store.forget_all()
    assert readable() == []
    with pytest.raises(StoreLocked, match="is encrypted"):
        check(copy)
    assert restore(copy, path, required).records == 50
    assert readable() == []
    with SqliteContextStore(path, encryption=required) as store:
        assert store.stats().records == 50


def test_a_plain_backup_is_not_put_where_encryption_is_required(path: Path, required: Encryption) -> None:
    SqliteContextStore(path, encryption=required).close()
    plain = path.with_name("plain.db")
    with SqliteContextStore(plain) as store:
        store.put(canaries(5))
    with pytest.raises(StoreLocked, match=r"plain\.db is not encrypted"):
        restore(plain, path, required)
    with SqliteContextStore(path, encryption=required) as store:
        assert store.stats().records == 0


def test_damage_is_found_and_what_can_be_read_is_saved(
    path: Path, required: Encryption, readable: Callable[[], list[str]]
) -> None:
    with SqliteContextStore(path, encryption=required) as store:
        store.put(canaries(400))
    assert check(path, required).sound
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE_BYTES // 2 * PAGE_BYTES)
        file.write(os.urandom(PAGE_BYTES))
    assert not check(path, required).sound
    done = repair(path, replace(required, required=False))
    assert done.records > 300
    assert readable() == [], "what was made anew is encrypted, too"
    with SqliteContextStore(path, encryption=required) as store:
        assert len(store.search(CANARY, limit=1000)) == done.records
