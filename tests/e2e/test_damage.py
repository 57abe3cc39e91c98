"""A damaged store: every command ends in an answer or a clear error, and no wrong answer goes unnoticed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from edge_agent.cli.context import app
from edge_agent.context.check import check
from edge_agent.context.items import Item
from edge_agent.context.repair import repair
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import StoreError
from orchestrator.types import Record

_PAGE = 4096
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_WOUNDS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, _PAGE - 64), st.sampled_from([64, 512, _PAGE])),
    min_size=1,
    max_size=4,
)
"""Where garbage falls: a page, as a share of all; a place on it; how many bytes."""


def _note(number: int) -> Item:
    text = f"note {number} speaks of matter{number % 17} and of thing{number}, " * 4
    time = datetime(2026, 1 + number % 12, 1 + number % 28, 9, 30, tzinfo=UTC)
    record = Record(kind="note", title=f"Note {number}", body=text, time=time, people=("Zoë",), source="notes")
    return Item(record, f"note:{number}", "FREQ=YEARLY" if number % 10 == 0 else "")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 200 notes that came from a file."""
    folder = tmp_path_factory.mktemp("sound")
    with SqliteContextStore(folder / "context.db") as store:
        reading = store.begin_reading(folder / "notes")
        store.put(map(_note, range(200)), reading=reading)
        store.end_reading(reading, "as read", prune=True)
    return folder / "context.db"


def _damaged(sound: Path, folder: Path, wounds: list[tuple[float, int, int]], seed: int) -> Path:
    path = folder / "context.db"
    shutil.copyfile(sound, path)
    garbage = random.Random(seed)
    with path.open("rb+") as file:
        pages = path.stat().st_size // _PAGE
        for share, place, length in wounds:
            page = int(share * pages)
            file.seek(page * _PAGE + (place if length < _PAGE else 0))
            file.write(garbage.randbytes(min(length, _PAGE - place) if length < _PAGE else _PAGE))
    return path


_ASKED: dict[str, Callable[[SqliteContextStore], object]] = {
    "list": lambda store: store.list(),
    "export": lambda store: list(store.export()),
    "search": lambda store: store.search("matter7 thing", limit=50),
    "recall": lambda store: store.recall("What does note 7 say of matter7?", limit=8, now=_NOW),
    "in time": lambda store: store.recall("What was there in May?", limit=8, now=_NOW),
    "get": lambda store: store.get(7),
    "stats": lambda store: store.stats().by_kind,
    "add": lambda store: store.add(Record(kind="note", body="something new")),
    "put": lambda store: store.put(map(_note, range(0, 200, 7))),
    "forget": lambda store: store.forget(9).records,
}


def _answers(path: Path) -> dict[str, object]:
    """What each question to the store is answered with; one that ends in a `StoreError` is left out."""
    found = {}
    for name, ask in _ASKED.items():
        try:
            with SqliteContextStore(path) as store:
                found[name] = ask(store)
        except StoreError as error:
            told = error
            assert str(path) in told.message or "the context store is damaged at its record" in told.message
            assert told.remedy
    return found


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wounds=_WOUNDS, seed=st.integers(0, 2**32))
def test_an_answer_or_an_error_and_no_wrong_answer_unnoticed(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[float, int, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    right = _damaged(sound, folder, [], 0)
    expected = _answers(right)
    path = _damaged(sound, folder, wounds, seed)
    noticed = not check(path).sound
    answers = _answers(path)
    assert noticed or answers == expected


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wounds=_WOUNDS, seed=st.integers(0, 2**32))
@example(wounds=[(0.0, 24, 64)], seed=0)
@example(wounds=[(0.0, 24, 64)], seed=38955)
def test_a_repair_brings_back_nothing_wrong(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[float, int, int]], seed: int
) -> None:
    path = _damaged(sound, tmp_path_factory.mktemp("damaged"), wounds, seed)
    with SqliteContextStore(sound) as store:
        right = {record.id: record for record in store.list()}
    try:
        done = repair(path)
    except StoreError as error:
        told = error.message
        assert "no record of" in told or "not a context store" in told or "is encrypted" in told
        return
    assert check(path).faults == ()
    with SqliteContextStore(path) as store:
        saved = {record.id: record for record in store.list()}
    assert len(saved) == done.records
    wrong = [number for number, record in saved.items() if right.get(number) != record]
    assert len(wrong) <= len(wounds)
    assert not set(done.lost) & set(saved)
    assert not done.all_known or set(right) - set(saved) <= set(done.lost)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wounds=_WOUNDS, seed=st.integers(0, 2**32))
def test_the_command_line_shows_no_traceback(
    sound: Path, tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[float, int, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "agent.yaml").write_text(f"context: {{path: {folder / 'context.db'}, embedding: ''}}")
    (folder / "new.md").write_text("# New\nA note that came later.")
    path = _damaged(sound, folder, wounds, seed)
    for words in (
        ("list",),
        ("search", "matter7"),
        ("stats",),
        ("export", str(folder / "out.jsonl")),
        ("add", "one more"),
        ("import", str(folder / "new.md")),
        ("forget", "9"),
        ("backup", str(folder / f"{seed}.db")),
        ("check",),
        ("repair",),
        ("check", "--json"),
    ):
        result = CliRunner().invoke(app, [*words, "--config", str(folder / "agent.yaml")])
        assert result.exception is None or isinstance(result.exception, StoreError | SystemExit), words
    assert check(path).sound or result.exit_code
