"""Folders that are followed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import pytest

from edge_agent.context.importers import ImportSummary
from edge_agent.context.importers.watch import watch
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import ImportFailed

WAIT_S = 30


@contextmanager
def watching(store: SqliteContextStore, folder: Path) -> Iterator[Queue[ImportSummary]]:
    """The summaries as they come; those of imports that found nothing new are left out."""
    summaries, stop = Queue[ImportSummary](), Event()

    def follow() -> None:
        for summary in watch(store, [folder], stop=stop):
            if summary.changed:
                summaries.put(summary)

    thread = Thread(target=follow)
    thread.start()
    try:
        yield summaries
    finally:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def test_what_changes_is_imported_and_what_is_gone_is_removed(store: SqliteContextStore, tmp_path: Path) -> None:
    folder = tmp_path / "life"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("# A\nfirst")
    with watching(store, folder) as summaries:
        assert summaries.get(timeout=WAIT_S).added == 1
        (folder / "deep" / "b.md").write_text("# B\nsecond")
        assert summaries.get(timeout=WAIT_S).added == 1
        (folder / "a.md").write_text("# A\nchanged")
        assert summaries.get(timeout=WAIT_S).updated == 1
        shutil.rmtree(folder / "deep")
        assert summaries.get(timeout=WAIT_S).removed == 1
    assert [record.body for record in store.list()] == ["changed"]


def test_its_own_store_in_the_folder_does_not_wake_it(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\nfirst")
    with SqliteContextStore(tmp_path / "context.db") as store, watching(store, tmp_path) as summaries:
        summaries.get(timeout=WAIT_S)
        (tmp_path / "b.md").write_text("# B\nsecond")
        assert summaries.get(timeout=WAIT_S).added == 1
        assert summaries.empty()


def test_a_folder_that_is_not_there_is_an_error(store: SqliteContextStore, tmp_path: Path) -> None:
    with pytest.raises(ImportFailed):
        next(watch(store, [tmp_path / "nowhere"]))
