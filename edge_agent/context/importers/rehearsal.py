"""An import that only tells what it would do."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from edge_agent.context import marks, putting, sources
from edge_agent.context.labelling import judge_of
from edge_agent.context.labels import Judge
from edge_agent.context.preparing import Prepared
from edge_agent.context.sources import Reading
from edge_agent.context.store import PutCounts, SqliteContextStore


class Rehearsal:
    """Stands in a store's place for an import: every answer is the store's, and nothing is written.

    What the import has brought and removed so far is kept in memory, by keys.
    """

    def __init__(self, store: SqliteContextStore) -> None:
        """Nothing is read yet."""
        self._store = store
        self._paths: list[str] = []
        self._brought: dict[str, putting.Row] = {}
        self._removed: set[str] = set()
        self._let_go: set[tuple[str, str]] = set()
        """Files that were read, and keys that they hold no more."""
        self._found: set[str] = set()
        """Keys of the file that is being read."""

    def known_items(self, path: Path, state: str) -> int | None:
        """As the store's."""
        return self._store.known_items(path, state)

    def begin_reading(self, path: Path) -> Reading:
        """As the store's; the reading is of this rehearsal only."""
        self._paths.append(str(path))
        self._found = set()
        return Reading(len(self._paths) - 1, 0)

    def put(self, batch: Iterable[Prepared], *, reading: Reading, again: bool) -> PutCounts:
        """What would become of the items."""
        ready = list(batch)
        self._found.update(each.item.key for each in ready if each.item.key is not None)

        def outcomes(connection: sqlite3.Connection) -> Counter[str]:
            judge = judge_of(connection, self._store.labels.rules)
            return Counter(self._outcome(connection, each, judge, again=again) for each in ready)

        return PutCounts(**self._store.look(outcomes))

    def end_reading(self, reading: Reading, state: str, *, prune: bool) -> int:
        """How many records would be removed."""
        return self._lose(self._paths[reading.source_id]) if prune else 0

    def drop_missing(self, folder: Path, present: Iterable[Path]) -> int:
        """How many records of files that are gone would be removed."""
        paths = list(map(str, present))
        gone = self._store.look(lambda connection: sources.missing(connection, os.path.join(folder, ""), paths))
        self._found = set()
        return sum(map(self._lose, gone))

    def spread_repetitions(self, now: datetime) -> int:
        """Nothing to do: no record is new."""
        return 0

    def _outcome(self, connection: sqlite3.Connection, prepared: Prepared, judge: Judge, *, again: bool) -> str:
        key = prepared.item.key
        if key is None:
            return "added"
        before = self._brought.get(key)
        if before is None and key not in self._removed:
            before = next((row for _, row in putting.stored(connection, [key]).values()), None)
        if before is None and not again and marks.marked(connection, [key]):
            return "forgotten"
        row = self._brought[key] = putting.labelled(prepared, before, judge)
        return "added" if before is None else "unchanged" if before == row else "updated"

    def _lose(self, path: str) -> int:
        """Note what a file holds no more; how many of these no other file holds."""
        held = self._store.look(lambda connection: sources.holders(connection, path))
        lost = {key: others for key, others in held.items() if key not in self._found}
        self._let_go.update((path, key) for key in lost)
        gone = {
            key
            for key, others in lost.items()
            if key not in self._brought and all((other, key) in self._let_go for other in others)
        }
        self._removed |= gone
        return len(gone)
