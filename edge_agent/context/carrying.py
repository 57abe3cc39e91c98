"""Rows on their way from a damaged store into a new one."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

from edge_agent.context import clues, items, pages, people, reembedding, salvage
from edge_agent.context.check import BELONGINGS
from edge_agent.database import Database
from orchestrator.errors import StoreError

_MADE_AGAIN: Final = frozenset({"aliases", "clues", "clue_records", "occurrences", "series", "unembedded"})
"""Tables that are made again from the records, in a moment; a part of them would be taken for the whole."""
_MAX_ID: Final = 2**53
_LEAST: Final = 14
"""Values of a record of the first version."""


class Carrying:
    """Takes what can be read, and knows what was lost.

    Attributes:
        records: ids of those that are in the new store.
        lost: ids of those that are known and could not be read.
        dropped: by table, how many other rows could not be read or belonged to nothing.
        all_known: whether `lost` is all: the index of words, which has every record's id, was read to its end.
    """

    def __init__(self, target: sqlite3.Connection) -> None:
        """`target` is a new store, inside a transaction."""
        self._target = target
        self._target.execute("PRAGMA defer_foreign_keys = on")
        self._triggers = target.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in self._triggers:
            target.execute(f"DROP TRIGGER {name}")  # rows are carried over as they are: nothing follows from that
        self._given: dict[str, int] = {}
        self.records: set[int] = set()
        self.lost: set[int] = set()
        self.dropped = Counter[str]()
        self.all_known = False

    def take_tables(self, source: Database, columns: dict[str, list[str]]) -> None:
        """Carry over what the tables of `source` still give; `columns` are those that it has."""
        for table, has_ids in salvage.tables(self._target).items():
            if table in _MADE_AGAIN:
                continue
            if table in columns:
                self._carry(source, table, columns[table], has_ids)
            else:
                self.dropped[table] += 1
        known = self._known(source)
        # Where all ids are known, another one that was met is itself damage.
        self.lost = known - self.records if self.all_known else (self.lost | known) - self.records
        self._given = self._numbers(source)
        self._given["records"] = max(known | self.records | {self._given.get("records", 0)})

    def take_pages(self, path: Path) -> None:
        """Carry over the records that no tree leads to any more; of those that are known, where all are known."""
        if self.all_known and not self.lost:
            return
        names = salvage.columns(self._target, "records")
        for row_id, values in pages.rows(path):
            wanted = row_id in self.lost or (not self.all_known and row_id not in self.records)
            if not wanted or not _LEAST <= len(values) <= len(names) or values[0] is not None:
                continue
            row = dict(zip(names, (row_id, *values[1:]), strict=False))
            if self._keep("records", row):
                self.records.add(row_id)
                self.lost.discard(row_id)

    def finish(self) -> None:
        """Leave the new store consistent."""
        self._drop_orphans()
        present = salvage.tables(self._target)
        if "unembedded" in present:
            reembedding.await_missing(self._target)
        if "aliases" in present:
            people.note_all(self._target)
        if "clues" in present:
            clues.note_all(self._target)
        for _, statement in self._triggers:
            self._target.execute(statement)
        self._target.execute("INSERT INTO records_fts (records_fts) VALUES ('rebuild')")
        for table, last in self._given.items():  # an id that was ever given is not given again
            self._target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
        self._be_careful(present)

    def _be_careful(self, present: Container[str]) -> None:
        """What could not be read may have been a reason to keep something from someone."""
        if self.dropped["answer_records"] and "answers" in present:  # of a record that became private since
            self._target.execute("UPDATE answers SET made_from = 'private'")
        if "sources" in present and not (self.dropped["forgotten"] or self.dropped["label_choices"]):
            self._target.execute("UPDATE sources SET state = ''")

    def _carry(self, source: Database, table: str, names: list[str], has_ids: bool) -> None:
        common = [name for name in salvage.columns(self._target, table) if name in names]
        rows: Iterable[tuple[int, salvage.Row | None]] = (
            salvage.rows(source, table) if has_ids else enumerate(salvage.rows_without_ids(source, table))
        )
        self._target.execute(f"DELETE FROM {table}")  # what a new store begins with
        for row_id, row in rows:
            kept = row is not None and self._keep(table, {name: row[name] for name in common})
            if table == "records":
                (self.records if kept else self.lost).add(row_id)
            elif row is None or (has_ids and not kept):  # without ids, some come twice
                self.dropped[table] += 1

    def _keep(self, table: str, row: salvage.Row) -> bool:
        if table == "records" and not items.is_sound(row):
            return False
        insert = f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        return bool(self._target.execute(insert, tuple(row.values())).rowcount)

    def _drop_orphans(self) -> None:
        """Order matters: no trigger follows what is removed here."""
        present = salvage.tables(self._target)
        if "codes" in present:
            self._drop_torn_vectors()
        for rule in BELONGINGS:
            if rule.table in present:
                gone = self._target.execute(f"DELETE FROM {rule.table} WHERE {rule.orphaned}").rowcount
                self.dropped[rule.table] += gone
        for table, row_id, *_ in self._target.execute("PRAGMA foreign_key_check").fetchall():
            self._target.execute(f"DELETE FROM {table} WHERE rowid = ?", (row_id,))
            self.dropped[table] += 1

    def _drop_torn_vectors(self) -> None:
        """With the others of their records: a record has all its vectors, or awaits them."""
        from edge_agent.context import vectors  # numpy

        torn = json.dumps(vectors.torn(self._target))
        of_records = "SELECT record_id FROM vectors WHERE id IN (SELECT value FROM json_each(?))"
        gone = self._target.execute(f"DELETE FROM vectors WHERE record_id IN ({of_records})", (torn,))
        self.dropped["vectors"] += gone.rowcount

    def _known(self, source: Database) -> set[int]:
        """Ids of records that the index of words knows of."""
        table = "records_fts_docsize"
        try:
            ids = {row_id for row_id, _ in salvage.rows(source, table) if row_id < _MAX_ID}
            with source.lend() as db:
                (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        except StoreError:
            return set()
        self.all_known = len(ids) == count
        return ids

    def _numbers(self, source: Database) -> dict[str, int]:
        """By table: the last id that was given there."""
        try:
            with source.lend() as db:
                found = db.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
        except StoreError:
            return {}
        return {table: last for table, last in found if isinstance(last, int) and last < _MAX_ID}
