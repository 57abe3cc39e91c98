"""The made-up life and the large stores that recall is measured in."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.context.life import Life
from benchmarks.context.report import Figure, table
from benchmarks.context.speed import write_mailbox
from benchmarks.context.stores import build
from edge_agent.context.check import check
from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from tests.edge_agent.context.test_meaning import Letters

WORDS = [first + second for first in "bdfgklmnprstvwz" for second in ("a", "en", "il", "or", "um", "ast", "ing", "ove")]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_life_is_the_same_each_time_and_its_questions_are_about_it() -> None:
    items = list(Life(WORDS).records(200))
    assert items == list(Life(WORDS).records(200))
    assert {item.record.kind for item in items} >= {"chat", "mail", "event", "note"}
    times = [item.record.time for item in items if item.record.time]
    assert times == sorted(times)
    asked = Life(WORDS).question(items[7].record, random.Random(1))
    assert set(asked.lower().split()) & set(items[7].record.body.split())


def test_a_large_store_is_one_that_put_and_embedding_could_have_made(tmp_path: Path) -> None:
    told: list[int] = []
    text_bytes = build(tmp_path / "life.db", Life(WORDS), 300, "letters", Letters.dimensions, told.append)
    assert told == [300]
    assert 0 < text_bytes < (tmp_path / "life.db").stat().st_size
    found = check(tmp_path / "life.db")
    assert (found.records, found.said) == (300, "nothing is wrong")
    with SqliteContextStore(tmp_path / "life.db", embedder=Letters()) as store:
        assert (store.count_missing(), store.stats().embedded) == (0, {"letters": 300})
        assert len(store.ranked(store.get(5).body, limit=8, now=NOW)) == 8


def test_the_mailbox_is_imported_whole(tmp_path: Path) -> None:
    write_mailbox(tmp_path / "some.mbox", Life(WORDS), 50)
    with SqliteContextStore(tmp_path / "context.db") as store:
        summary = import_paths(store, [tmp_path / "some.mbox"])
    assert (summary.added, summary.skipped) == (50, ())


def test_each_figure_stands_beside_its_goal() -> None:
    lines = list(table([Figure("time", 13.0, "ms", at_most=12), Figure("rate", 4000, "/s", at_least=3000)]))
    assert lines[1:] == ["| time | 13.0 ms | ≤ 12 | missed |", "| rate | 4,000 /s | ≥ 3,000 | reached |"]
