"""A store made whole again: what can be read of it is carried over into a new file, and the damaged one is kept."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.context import items, reembedding, salvage, swap
from edge_agent.context.backup import empty_log
from edge_agent.context.check import BELONGINGS, Fault, check
from edge_agent.context.schema import SCHEMA
from edge_agent.database import Database, Schema
from edge_agent.driver import Encryption
from orchestrator.errors import StoreCorrupt, StoreError, StoreUnavailable

_MADE_AGAIN: Final = frozenset({"occurrences", "series", "unembedded"})
"""Tables that are made again from the records, in a moment; a part of them would be taken for the whole."""
_MAX_ID: Final = 2**53


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done about a store."""

    faults: tuple[Fault, ...]
    """What was wrong; empty for a sound store, which is left alone."""
    records: int
    """That the store holds now."""
    lost: tuple[int, ...]
    """Ids of records that could not be read, as far as they are still known."""
    all_known: bool
    """Whether `lost` is all: the index of words, which has every record's id, could be read to its end."""
    dropped: dict[str, int]
    """By table: other rows that could not be read or belonged to nothing."""
    former: Path | None
    """Where the damaged file is now."""


def repair(path: Path, encryption: Encryption | None = None) -> Repair:
    """Build the store at `path` anew from what can be read of it; the damaged file is kept beside it.

    Indexes are made anew, and what belongs to nothing is left out. The next import reads every file again, changed or
    not, and brings back what was lost of it; unless it is no more known what the user forgot, or chose to be private.

    Raises:
        StoreCorrupt: no record can be read; nothing was changed.
        StoreLocked: it is encrypted, and its key cannot be had.
        StoreUnavailable: there is no such store, or it is in use, or from a newer version, or the disk has no room for
            a second one; nothing was changed.
    """
    encryption = encryption and encryption.asked_once()
    empty_log(path, encryption)
    before = _mark(path)
    found = check(path, encryption)
    if found.sound:
        return Repair((), found.records, (), True, {}, None)
    with swap.making(path) as partial:
        carried = _rebuild(path, partial, encryption)
        now = check(partial, encryption)
        if not now.sound:
            raise StoreCorrupt(f"{path} could not be repaired: {now.said}", remedy="report this as a bug")
        if _mark(path) != before:
            raise StoreUnavailable(f"{path} was written to meanwhile", remedy="end what uses it and try again")
        return Repair(
            found.faults,
            now.records,
            tuple(sorted(carried.lost)),
            carried.all_known,
            dict(carried.dropped),
            swap.exchange(partial, path),
        )


def _mark(path: Path) -> tuple[int, int, int]:
    """Changes with the file and its log."""
    log = path.with_name(path.name + "-wal")
    try:
        state = path.stat()
        return state.st_size, state.st_mtime_ns, log.stat().st_size if log.exists() else 0
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be read: {os.strerror(error.errno or 0).lower()}", remedy="check the path"
        ) from None


def _rebuild(path: Path, partial: Path, encryption: Encryption | None) -> _Carrying:
    """Make a new store of what can be read."""
    damaged = Database(path, SCHEMA, encryption=encryption, as_is=True)
    try:
        columns = _tables_of(damaged)
        schema = _schema_of(damaged)
        alike = Encryption(encryption.keys, required=True) if encryption and damaged.encrypted else None
        new = Database(partial, schema, encryption=alike)
        try:
            with new.write() as db:
                carried = _Carrying(damaged, db.conn, columns)
                carried.all()
        finally:
            new.close()
    finally:
        damaged.close()
    if not carried.records:
        raise StoreCorrupt(
            f"no record of {path} can be read",
            remedy="put a backup in its place, `edgewise context restore FILE`, or move it away: a new one is made",
        )
    Database(partial, SCHEMA, encryption=alike).close()  # brings it up to date
    return carried


def _tables_of(damaged: Database) -> dict[str, list[str]]:
    """The columns of each table; nothing where the list of tables cannot be read."""
    try:
        with damaged.lend() as db:
            return {table: salvage.columns(db.conn, table) for table in salvage.tables(db.conn)}
    except StoreCorrupt:
        return {}


def _schema_of(damaged: Database) -> Schema:
    """The schema of the file's own version, which its rows fit; of this one where that cannot be known."""
    try:
        names = damaged.steps()
    except StoreCorrupt:
        return SCHEMA
    return Schema(SCHEMA.noun, tuple(step for step in SCHEMA.steps if step.__name__ in names))


class _Carrying:
    """Rows on their way from a damaged store into a new one."""

    def __init__(self, source: Database, target: sqlite3.Connection, columns: dict[str, list[str]]) -> None:
        """`target` is inside a transaction; `columns` are those of the tables of `source`."""
        self._source, self._target, self._columns = source, target, columns
        self.records: set[int] = set()
        self.lost: set[int] = set()
        self.dropped = Counter[str]()
        self.all_known = False

    def all(self) -> None:
        """Carry every table over, and leave the new store consistent."""
        self._target.execute("PRAGMA defer_foreign_keys = on")
        with self._without_triggers():
            for table, has_ids in salvage.tables(self._target).items():
                if table in self._columns and table not in _MADE_AGAIN:
                    self._carry(table, has_ids)
            self._drop_orphans()
            if "unembedded" in salvage.tables(self._target):
                reembedding.await_missing(self._target)
        self._target.execute("INSERT INTO records_fts (records_fts) VALUES ('rebuild')")
        known = self._known()
        self.lost |= known - self.records
        self._keep_numbering(known)
        self._be_careful()

    def _be_careful(self) -> None:
        """What could not be read may have been a reason to keep something from someone."""
        if self.dropped["answer_records"]:  # of a record that became private since
            self._target.execute("UPDATE answers SET made_from = 'private'")
        if "sources" in self._columns and not (self.dropped["forgotten"] or self.dropped["label_choices"]):
            self._target.execute("UPDATE sources SET state = ''")

    @contextlib.contextmanager
    def _without_triggers(self) -> Iterator[None]:
        """Rows are carried over as they are: nothing follows from that."""
        found = self._target.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in found:
            self._target.execute(f"DROP TRIGGER {name}")
        yield
        for _, statement in found:
            self._target.execute(statement)

    def _carry(self, table: str, has_ids: bool) -> None:
        names = [name for name in salvage.columns(self._target, table) if name in self._columns[table]]
        insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        if not has_ids:
            insert = insert.replace("INSERT", "INSERT OR IGNORE", 1)  # some are read twice
            rows: Iterator[tuple[int, salvage.Row | None]] = (
                (0, row) for row in salvage.rows_without_ids(self._source, table)
            )
        else:
            rows = salvage.rows(self._source, table)
        self._target.execute(f"DELETE FROM {table}")  # what a new store begins with
        for row_id, row in rows:
            kept = row is not None and self._keep(table, insert, names, row)
            if table == "records":
                (self.records if kept else self.lost).add(row_id)
            elif not kept:
                self.dropped[table] += 1

    def _keep(self, table: str, insert: str, names: list[str], row: salvage.Row) -> bool:
        if table == "records" and not items.is_sound(row):
            return False
        try:
            self._target.execute(insert, [row[name] for name in names])
        except sqlite3.IntegrityError:  # a value that cannot be, or one that another row has
            return False
        return True

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

    def _known(self) -> set[int]:
        """Ids of records that the index of words knows of."""
        table = "records_fts_docsize"
        try:
            ids = {row_id for row_id, _ in salvage.rows(self._source, table) if row_id < _MAX_ID}
            with self._source.lend() as db:
                (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            self.all_known = len(ids) == count
        except StoreError:
            return set()
        return ids

    def _keep_numbering(self, known: set[int]) -> None:
        """An id that was ever given is not given again, whether or not its row was saved."""
        given = {"records": max(known | self.lost | self.records, default=0)}
        with contextlib.suppress(StoreError), self._source.lend() as db:
            for table, last in db.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
                if isinstance(last, int) and last < _MAX_ID:
                    given[table] = max(last, given.get(table, 0))
        for table, last in given.items():
            self._target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
