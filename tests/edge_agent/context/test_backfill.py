"""What is missing is embedded in the background, and a store in trouble does not end that."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.context.backfill import Backfill
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.testing import ManualClock
from orchestrator.types import Record
from tests.edge_agent.context.test_meaning import Letters


async def until_none_is_missing(store: SqliteContextStore, clock: ManualClock) -> None:
    while await asyncio.to_thread(store.count_missing):
        clock.advance(1.0)
        await asyncio.sleep(0)


@pytest.mark.anyio
async def test_all_records_get_their_vectors(tmp_path: Path) -> None:
    clock = ManualClock()
    with SqliteContextStore(tmp_path / "context.db", embedder=Letters()) as store:
        for number in range(9):
            store.add(Record(kind="note", title=f"note {number}"))
        async with Backfill(store, clock), asyncio.timeout(60):
            await until_none_is_missing(store, clock)
        assert store.stats().embedded == {"letters": 9}


@pytest.mark.anyio
async def test_what_repeats_gets_its_times_after_a_repair_or_a_new_year(tmp_path: Path) -> None:
    clock = ManualClock()
    start = clock.now()
    daily = f"DTSTART;TZID=UTC:{start:%Y%m%dT%H%M%S}\nRRULE:FREQ=DAILY"
    with SqliteContextStore(tmp_path / "context.db") as store:
        store.put([Item.found(Record(kind="event", title="Walk", time=start), "k", recurrence=daily)])
        async with Backfill(store, clock), asyncio.timeout(60):
            while not await asyncio.to_thread(store.recall, "When is the walk in two weeks?", limit=1, now=start):  # noqa: ASYNC110
                await asyncio.sleep(0)
        (hit,) = store.recall("When is the walk?", limit=1, now=start + timedelta(days=10))
        assert hit.record.time == start + timedelta(days=10)


@pytest.mark.anyio
async def test_a_locked_store_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    path = tmp_path / "context.db"
    with SqliteContextStore(path, embedder=Letters(), busy_timeout_s=0.01) as store:
        store.add(Record(kind="note", title="waits"))
        async with Backfill(store, clock), asyncio.timeout(60):
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                while "embedding waits" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            await until_none_is_missing(store, clock)
