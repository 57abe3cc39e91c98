"""What is forgotten is gone from every file: while others read, after a kill, and whatever the store went through."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.context.conversations import Exchange
from edge_agent.context.forgetting import Forgotten
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Record, Sensitivity

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
CANARY = "Xylocarpous"
STEM = b"xylocarp"
_MOVED = """
47x1 3x1 32x1 35x1 24x1 14x900 15x300 50x1 53x1 36x900 52x40 9x1 59x1 44x1 43x1 38x1 57x300 40x3 45x300 10x1
28x1 41x1 60x1 53x40 28x40 46x1 23x1 3x40 55x1 50x900 38x40 14x1 15x1 38x1 31x1 39x40 48x40 35x900 15x40
52x300 42x1 43x40 37x1 38x40 0x1 51x1 52x1 15x1 12x1 22x1 34x1 28x900 44x3 10x40 43x1
"""
"""Keys and lengths: one of these texts moves to another page, and the old page keeps its bytes between its rows."""


def canary() -> Item:
    text = f"{CANARY} {CANARY.lower()} " * 200
    record = Record(kind="note", title=CANARY, body=text, people=(CANARY,), place=CANARY, source=CANARY, thread=CANARY)
    return Item(record, f"key of {CANARY}")


def traces(folder: Path, *, skip: Path | None = None) -> list[str]:
    """The files in which the canary's stem is left, in any case; not those in the folder `skip`."""
    files = (
        file for file in sorted(folder.rglob("*")) if file.is_file() and (skip is None or skip not in file.parents)
    )
    return [file.name for file in files if STEM in file.read_bytes().lower()]


def fill(store: SqliteContextStore) -> int:
    """Put the canary among ordinary notes; its id."""
    for number in range(50):
        store.add(Record(kind="note", body=f"ordinary words, number {number}"))
    store.put([canary()])
    return store.list(limit=1)[0].id or 0


@contextmanager
def another_process(path: Path, work: str) -> Iterator[None]:
    """Another process that has done `work` with `store`, and waits."""
    script = (
        "import sys\nfrom edge_agent.context.store import SqliteContextStore\n"
        f"with SqliteContextStore(sys.argv[1]) as store:\n    {work}\n    print(1, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        yield
        other.stdin.close()


@pytest.mark.plain_file
@pytest.mark.parametrize("everything", [False, True])
def test_the_bytes_are_gone_from_every_file(store: SqliteContextStore, everything: bool) -> None:
    record_id = fill(store)
    assert traces(store.path.parent)
    assert (store.forget_all() if everything else store.forget(record_id)) == Forgotten(51 if everything else 1, True)
    assert traces(store.path.parent) == []


@pytest.mark.plain_file
def test_so_they_are_while_another_process_has_it_open(store: SqliteContextStore) -> None:
    record_id = fill(store)
    with another_process(store.path, "store.search('ordinary')"):
        assert store.forget(record_id).wiped
        assert traces(store.path.parent) == []


def test_a_reader_that_does_not_end_delays_it_until_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path, busy_timeout_s=0.01) as store:
        record_id = fill(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchone()
            assert store.forget(record_id) == Forgotten(1, wiped=False)
            assert traces(tmp_path)
            SqliteContextStore(path).close()  # opens all the same
            assert traces(tmp_path)
        SqliteContextStore(path).close()
        assert traces(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_so_they_are_after_a_kill_right_behind_the_removal(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path) as store:
        record_id = fill(store)
    script = (
        "import os, signal, sys\n"
        "from edge_agent.context import forgetting\n"
        "from edge_agent.context.store import SqliteContextStore\n"
        "store = SqliteContextStore(sys.argv[1])\n"
        "forgetting.wipe = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "store.forget(int(sys.argv[2]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path), str(record_id)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert traces(tmp_path)
    with SqliteContextStore(path) as store:
        assert store.stats().records == 50
        assert traces(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("acknowledged", [1, 4, 9])
def test_killed_at_any_moment_each_record_is_there_or_gone_without_a_trace(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "context.db"
    words = {number: f"canary{number:03d}end" for number in range(1, 41)}
    with SqliteContextStore(path) as store:
        for word in words.values():
            store.add(Record(kind="note", title=word, body=f"{word} " * 300))
    script = (
        "import sys\nfrom edge_agent.context.store import SqliteContextStore\n"
        "store = SqliteContextStore(sys.argv[1])\n"
        "for number in range(1, 41):\n    store.forget(number)\n    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as forgetful:
        assert forgetful.stdout is not None
        told = [int(forgetful.stdout.readline()) for _ in range(acknowledged)]
        forgetful.kill()
    with SqliteContextStore(path) as store:
        gone = words.keys() - {record.id for record in store.list()}
        assert gone >= set(told)
        content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert [number for number in gone if words[number].encode() in content] == []


def test_what_another_program_removed_without_a_trace_of_care_is_wiped_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path) as store:
        record_id = fill(store)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("PRAGMA secure_delete = off")
        other.execute("DELETE FROM records WHERE id = ?", [record_id])
    assert traces(tmp_path)
    with SqliteContextStore(path) as store:
        assert traces(tmp_path) == []
        assert len(store.search("ordinary words", limit=100)) == 50


def test_answers_that_were_made_from_it_go_along(store: SqliteContextStore) -> None:
    record = store.get(fill(store))
    talk = store.conversations
    talk.add("1", Exchange("Which tree is it?", f"The {CANARY} tree.", NOW, Sensitivity.PERSONAL, (record,)))
    (answer,) = store.list(query=CANARY, limit=1)
    talk.add("2", Exchange("What did you say?", f"That it is the {CANARY}.", NOW, Sensitivity.PERSONAL, (answer,)))
    talk.add("2", Exchange("And otherwise?", "Nothing.", NOW, Sensitivity.PERSONAL))
    doomed = store.to_forget(record.id or 0)
    assert [found.kind for found in doomed] == ["answered", "answered", "note"]
    assert store.forget(record.id or 0).records == 3
    assert traces(store.path.parent) == []
    assert [exchange.answer for exchange in talk.exchanges("2")] == ["Nothing."]


def test_a_person_is_forgotten_under_all_names_and_addresses_of_their_contact(store: SqliteContextStore) -> None:
    card = Record(
        kind="contact", title="Nikolai Petrov", body="Email: nik@home.example.", people=("Nikolai Petrov", "Nik")
    )
    for record in (
        card,
        Record(kind="mail", title="Rent", people=("nik@home.example",)),
        Record(kind="mail", title="Later", people=("Nik <nik@home.example>",), time=NOW),
        Record(kind="chat", body="hi", people=("Nik",)),
        Record(kind="chat", body="hi", people=("Nik Meier",)),
        Record(kind="mail", title="Bill", people=("anna@home.example",)),
    ):
        store.add(record)
    assert [record.id for record in store.to_forget(person="Petrov", since=NOW)] == [3]
    assert [record.id for record in store.to_forget(1, 4, 5, person="Petrov")] == [4, 1]
    assert [record.id for record in store.to_forget(person="nikolai")] == [4, 3, 2, 1]
    store.add(Record(kind="contact", title="Nikolai Other", people=("Nikolai Other",)))
    assert [record.id for record in store.to_forget(person="nikolai")] == [7, 1]


def test_what_a_file_holds_no_more_is_gone_too(store: SqliteContextStore, tmp_path: Path) -> None:
    reading = store.begin_reading(tmp_path / "notes.json")
    store.put([canary()], reading=reading)
    store.end_reading(reading, "as it was", prune=True)
    reading = store.begin_reading(tmp_path / "notes.json")
    assert store.end_reading(reading, "as it is", prune=True) == 1
    assert traces(store.path.parent) == []


def test_a_store_that_is_mostly_empty_then_gives_back_its_room(store: SqliteContextStore) -> None:
    store.put(Item(Record(kind="note", body=f"{number} " * 500), f"k{number}") for number in range(300))
    before = store.stats().file_bytes
    store.forget_all()
    assert store.stats().file_bytes < before / 4


def test_what_is_not_there_cannot_be_forgotten_and_then_nothing_is(store: SqliteContextStore) -> None:
    store.put([canary()])
    with pytest.raises(RecordNotFound, match="17"):
        store.forget(1, 17)
    with pytest.raises(InvalidRequest):
        store.forget()
    assert store.stats().records == 1
    assert store.forget(query="nothing has this") == Forgotten(0, wiped=True)


@pytest.mark.plain_file
def test_every_removal_counts_also_that_of_another_program(store: SqliteContextStore) -> None:
    fill(store)
    assert store.withdrawals() == 0
    store.forget(1, 2)
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("DELETE FROM records WHERE id = 3")
    assert store.withdrawals() == 3


@settings(max_examples=12, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, 3, 40, 300, 900])), min_size=60, max_size=160),
    gone=st.sets(st.integers(0, 60)),
)
@example(steps=[(int(key), int(length)) for key, length in re.findall(r"(\d+)x(\d+)", _MOVED)], gone={24, 35, 38, 45})
def test_no_history_leaves_a_trace(
    steps: list[tuple[int, int]], gone: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Texts of all lengths come and change, so that pages split, merge and overflow; then some are forgotten."""
    folder = tmp_path_factory.mktemp("history")
    with SqliteContextStore(folder / "context.db") as store:
        for number, (key, length) in enumerate(steps):
            word = f"canary{number:04d}x{key:02d}end"
            store.put([Item(Record(kind="note", title=word, body=f"{word} " * length, people=(word,)), f"{word[-5:]}")])
        doomed = [record for record in store.list() if int(record.title[-5:-3]) in gone]
        if doomed:
            store.forget(*(record.id or 0 for record in doomed))
        content = b"".join(file.read_bytes() for file in folder.iterdir())
    assert [record.title for record in doomed if record.title.encode() in content] == []
