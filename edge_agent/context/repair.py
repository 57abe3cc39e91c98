"""A store made whole again: what can be read of it is carried over into a new file, and the damaged one is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.context import salvage, swap
from edge_agent.context.backup import empty_log
from edge_agent.context.carrying import Carrying
from edge_agent.context.check import Fault, check
from edge_agent.context.schema import SCHEMA
from edge_agent.database import Database, Schema
from edge_agent.driver import Encryption
from orchestrator.errors import StoreCorrupt, StoreUnavailable


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
    _mark(path)  # or say that there is nothing to repair
    found = check(path, encryption)
    if found.sound:
        return Repair((), found.records, (), True, {}, None)
    before = _mark(path)  # a look through a damaged file may touch it
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


def _rebuild(path: Path, partial: Path, encryption: Encryption | None) -> Carrying:
    """Make a new store of what can be read."""
    damaged = Database(path, SCHEMA, encryption=encryption, as_is=True)
    try:
        columns, schema = _tables_of(damaged), _schema_of(damaged)
        alike = Encryption(encryption.keys, required=True) if encryption and damaged.encrypted else None
        new = Database(partial, schema, encryption=alike)
        try:
            with new.write() as db:
                carried = Carrying(db.conn)
                carried.take_tables(damaged, columns)
                damaged.close()
                if alike is None:
                    carried.take_pages(path)
                carried.finish()
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
