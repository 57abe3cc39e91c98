"""Another embedding model takes the former's place, whatever comes in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.context import reembedding
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record
from tests.edge_agent.context.test_meaning import Letters


class Pairs(Letters):
    """Another embedder without weights: how often each pair of letters comes."""

    name = "pairs"
    dimensions = 128

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for first, second in zip(text.lower(), text.lower()[1:], strict=False):
                counts[row, (31 * ord(first) + ord(second)) % self.dimensions] += 1
        scaled: np.ndarray = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
        return scaled


def former(name: str) -> Letters:
    assert name == "letters"
    return Letters()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store whose ten records are embedded by letters."""
    with SqliteContextStore(tmp_path / "context.db", embedder=Letters()) as store:
        store.put([Item(Record(kind="note", body=f"note {number} abc"), key=str(number)) for number in range(10)])
        while store.embed_missing():
            pass
    return tmp_path / "context.db"


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_the_former_models_vectors_serve_until_the_new_ones_are_complete(path: Path, monday: datetime) -> None:
    def nearest(store: SqliteContextStore) -> int | None:
        return store.ranked("cab", limit=1, now=monday)[0].record.id

    with SqliteContextStore(path, embedder=Pairs(), former=former) as store:
        by_letters = store.add(Record(kind="note", body="aaabbbccc"))
        by_pairs = store.add(Record(kind="note", body="caxx abzz"))
        assert store.count_missing() == 12
        assert store.embed_missing(limit=4) == 4
        assert store.stats().embedded == {"letters": 12, "pairs": 4}
        assert nearest(store) == by_letters
        while store.embed_missing(limit=4):
            pass
        assert (store.stats().embedded, store.count_missing()) == ({"pairs": 12}, 0)
        assert nearest(store) == by_pairs
    assert (rows(path, "vectors"), rows(path, "codes"), rows(path, "embedding_models")) == (12, 12, 1)


def test_the_newest_come_first_and_what_is_new_meanwhile_gets_vectors_of_both(path: Path) -> None:
    with SqliteContextStore(path, embedder=Pairs(), former=former) as store:
        store.embed_missing(limit=2)
        new = store.add(Record(kind="note", body="new"))
        store.embed_missing(limit=1)
        assert store.stats().embedded == {"letters": 11, "pairs": 3}
    with closing(sqlite3.connect(path)) as connection:
        done = (
            "SELECT DISTINCT record_id FROM vectors JOIN embedding_models AS m ON m.id = model_id WHERE name = 'pairs'"
        )
        assert {row[0] for row in connection.execute(done)} == {new, 10, 9}


def test_a_former_model_that_is_gone_leaves_what_there_is_of_the_new_one(path: Path, monday: datetime) -> None:
    with SqliteContextStore(path, embedder=Pairs()) as store:
        assert not store.ranked("zz", limit=1, now=monday)
        store.embed_missing(limit=1)
        assert [hit.record.body for hit in store.ranked("ote", limit=10, now=monday)] == ["note 9 abc"]


def test_back_to_the_former_model_before_the_end(path: Path) -> None:
    with SqliteContextStore(path, embedder=Pairs(), former=former) as store:
        store.embed_missing(limit=4)
    with SqliteContextStore(path, embedder=Letters()) as store:
        assert store.count_missing() == 0
        assert store.embed_missing() == 0
        assert store.stats().embedded == {"letters": 10}


def test_a_changed_record_loses_all_its_vectors_and_a_forgotten_one_waits_for_none(path: Path) -> None:
    with SqliteContextStore(path, embedder=Letters()) as store:
        store.put([Item(Record(kind="note", body="changed"), key="3")])
        assert (store.count_missing(), store.stats().embedded) == (1, {"letters": 9})
        store.forget(4)
        store.forget(5)
        assert (store.count_missing(), rows(path, "codes")) == (0, 8)


def test_a_store_of_an_earlier_version_keeps_its_vectors(tmp_path: Path) -> None:
    from edge_agent.context.schema import SCHEMA
    from edge_agent.database import Database, Schema

    before = [step.__name__ for step in SCHEMA.steps].index("separate_codes")
    path = tmp_path / "context.db"
    old = Database(path, Schema(SCHEMA.noun, SCHEMA.steps[:before]))
    with old.write() as db:
        for number in (1, 2):
            db.execute(
                "INSERT INTO records (id, kind, title, body, people, place, source, sensitivity) "
                "VALUES (?, 'note', '', 'abc', '[]', '', '', 'personal')",
                [number],
            )
        vector = Letters().embed(["abc"])[0]
        db.execute(
            "INSERT INTO vectors (record_id, model, bytes, bits) VALUES (1, 'letters', ?, ?)",
            [np.rint(vector * 127).astype(np.int8).tobytes(), np.packbits(vector > 0).tobytes()],
        )
    old.close()
    with SqliteContextStore(path, embedder=Letters()) as store:
        assert (store.stats().embedded, store.count_missing()) == ({"letters": 1}, 1)
        assert store.embed_missing() == 1
        assert store.stats().embedded == {"letters": 2}


_WORK = """
import sys
from edge_agent.context.store import SqliteContextStore
from tests.edge_agent.context.test_reembedding import Pairs, former
with SqliteContextStore(sys.argv[1], embedder=Pairs(), former=former) as store:
    print("ready", flush=True)
    while store.embed_missing(limit=1):
        pass
"""


def test_killed_again_and_again_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path, embedder=Letters()) as store:
        store.put([Item(Record(kind="note", body=f"note {number}"), key=str(number)) for number in range(400)])
        while store.embed_missing():
            pass
    waiting = [400]
    root = Path(__file__).resolve().parents[3]
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WORK, str(path)],
            stdout=subprocess.PIPE,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with closing(sqlite3.connect(path)) as connection:
                while process.poll() is None and _waits(connection, waiting[-1]):
                    time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        with SqliteContextStore(path, embedder=Pairs(), former=former) as store:
            waiting.append(store.count_missing())
    assert sorted(waiting, reverse=True) == waiting
    with SqliteContextStore(path, embedder=Pairs(), former=former) as store:
        while store.embed_missing():
            pass
        assert store.stats().embedded == {"pairs": 400}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (400,)


def _waits(connection: sqlite3.Connection, before: int) -> bool:
    """Until a few more are done."""
    return not reembedding.is_wanted(connection, "pairs") or (
        reembedding.count_waiting(connection, "pairs") > max(0, before - 20)
    )
