"""Removed records are noticed: before each recall, and in time also where nobody asks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.store import SqliteContextStore
from edge_agent.removals import RemovalWatch
from orchestrator.testing import ManualClock
from orchestrator.types import Record

NOW = datetime.fromisoformat("2026-11-23T09:00+01:00")


def test_only_removals_by_whomever_drop_something_and_once(tmp_path: Path) -> None:
    dropped: list[bool] = []
    with SqliteContextStore(tmp_path / "context.db") as store, SqliteContextStore(tmp_path / "context.db") as other:
        watch = RemovalWatch(store, lambda: dropped.append(True), ManualClock())
        store.add(Record(kind="note", title="the spare key is in the shed"))
        assert watch.recall("Where is my spare key?", limit=3, now=NOW)
        assert dropped == []
        other.forget_all()
        assert not watch.recall("Where is my spare key?", limit=3, now=NOW)
        watch.recall("Where is my spare key?", limit=3, now=NOW)
        assert dropped == [True]


@pytest.mark.anyio
async def test_they_are_noticed_without_a_question_and_a_store_in_trouble_does_not_end_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "context.db"
    dropped, clock = threading.Event(), ManualClock()
    with SqliteContextStore(path) as store:
        store.add(Record(kind="note", title="x"))
        async with RemovalWatch(store, dropped.set, clock), asyncio.timeout(60):
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("ALTER TABLE removals RENAME TO away")
            while "removed records waits" not in caplog.text:
                clock.advance(60)
                await asyncio.sleep(0)
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("ALTER TABLE away RENAME TO removals")
            store.forget_all()
            while not dropped.is_set():
                clock.advance(60)
                await asyncio.sleep(0)
