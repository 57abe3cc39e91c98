"""Removed records are noticed: before each recall, and in time also where nobody asks."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.store import SqliteContextStore
from edge_agent.removals import RemovalWatch
from orchestrator.errors import StoreUnavailable
from orchestrator.testing import ManualClock
from orchestrator.types import Record, Sensitivity

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


def test_a_raised_label_drops_something_and_a_lowered_one_does_not(tmp_path: Path) -> None:
    dropped: list[bool] = []
    with SqliteContextStore(tmp_path / "context.db") as store, SqliteContextStore(tmp_path / "context.db") as other:
        record_id = store.add(Record(kind="note", title="lentils"))
        watch = RemovalWatch(store, lambda: dropped.append(True), ManualClock())
        for label, expected in ((Sensitivity.PUBLIC, 0), (Sensitivity.PERSONAL, 1), (Sensitivity.PRIVATE, 2)):
            other.labels.choose(label, ids=[record_id])
            watch.look()
            assert (len(dropped), watch.sensitivities([record_id, 9])) == (expected, {record_id: label})


class Sometimes(SqliteContextStore):
    """A store that cannot be read while it is `away`."""

    away = False

    def withdrawals(self) -> int:
        if self.away:
            raise StoreUnavailable("the disk is away")
        return super().withdrawals()


@pytest.mark.anyio
async def test_they_are_noticed_without_a_question_and_a_store_in_trouble_does_not_end_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dropped, clock = threading.Event(), ManualClock()
    with Sometimes(tmp_path / "context.db") as store:
        store.add(Record(kind="note", title="x"))
        async with RemovalWatch(store, dropped.set, clock), asyncio.timeout(60):
            store.away = True
            while "withdrawn records waits" not in caplog.text:
                clock.advance(60)
                await asyncio.sleep(0)
            store.away = False
            store.forget_all()
            while not dropped.is_set():
                clock.advance(60)
                await asyncio.sleep(0)
