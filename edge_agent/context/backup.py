"""Copies of a store: made while it is used, and put back in its place."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.context import swap
from edge_agent.context.check import check
from edge_agent.context.schema import SCHEMA
from edge_agent.database import FAILURES, Database, Schema, explained
from edge_agent.driver import Encryption
from orchestrator.errors import InvalidRequest, StoreCorrupt, StoreError, StoreUnavailable

_COPY = Schema("copy", SCHEMA.steps)


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and checked."""

    path: Path
    records: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that became the store."""

    records: int
    former: Path | None
    """Where what was there before is now; None if there was nothing."""


def backup(path: Path, target: Path, encryption: Encryption | None = None) -> Backup:
    """Copy the store at `path`, as it is at one moment, into the new file `target`; others may go on using it.

    The copy is compact, a single file, for its owner's eyes, and encrypted where the store is. It was checked when it
    gets its name.

    Raises:
        InvalidRequest: `target` exists.
        StoreCorrupt: the store is damaged; no backup was kept.
        StoreLocked: the store is encrypted, and its key cannot be had.
        StoreUnavailable: there is no such store, or the backup cannot be written.
    """
    encryption = encryption and encryption.asked_once()
    if target.exists():
        raise InvalidRequest(f"{target} exists", remedy="name a new file, or a folder")
    with swap.making(target) as partial:
        _copy(path, partial, target, encryption)
        made = check(partial, encryption)
        if not made.sound:
            raise StoreCorrupt(
                f"{path} is damaged, and no backup of it was kept: {made.said}", remedy=SCHEMA.if_damaged
            )
        swap.put_in_place(partial, target)
    return Backup(target, made.records, target.stat().st_size)


def restore(source: Path, path: Path, encryption: Encryption | None = None) -> Restored:
    """Make the backup `source` the store at `path`, all at once; what was there is kept beside it.

    A backup that an earlier version made is brought up to date. `source` itself is not changed.

    Raises:
        InvalidRequest: both are the same file.
        StoreCorrupt: `source` is no store, or damaged; nothing was changed.
        StoreLocked: `source` is encrypted, and the key does not open it.
        StoreUnavailable: `source` is missing or from a newer version, or the store is in use, or may not be written;
            nothing was changed.
    """
    encryption = encryption and encryption.asked_once()
    if path.exists() and source.exists() and path.samefile(source):
        raise InvalidRequest(f"{source} is the store itself", remedy="name a backup of it")
    with swap.making(path) as partial:
        _copy(source, partial, path, encryption)
        found = check(partial, encryption)
        if not found.sound:
            raise StoreCorrupt(
                f"the backup {source} is damaged: {found.said}",
                remedy=f"name another one, or save what can be read: `edgewise context repair {source}`",
            )
        Database(partial, SCHEMA, encryption=encryption).close()  # brings it up to date
        empty_log(path, encryption)
        former = swap.exchange(partial, path)
    return Restored(found.records, former)


def empty_log(path: Path, encryption: Encryption | None) -> None:
    """Have a store's file hold all that is in its log, so that the file alone is the store; as far as it can."""
    if not path.exists():
        return
    with contextlib.suppress(StoreError):
        database = Database(path, SCHEMA, encryption=encryption, as_is=True)
        try:
            with database.lend() as db:
                db.execute("PRAGMA wal_checkpoint(truncate)").fetchall()
        finally:
            database.close()


def _copy(source: Path, partial: Path, target: Path, encryption: Encryption | None) -> None:
    """A store as it is at this moment, compacted into a file that will be `target`; encrypted with its key, if it is.

    `VACUUM INTO` (sqlite.org/lang_vacuum.html) is one reading transaction: nobody waits for it, and nothing of what
    was forgotten is copied.
    """
    database = Database(source, SCHEMA, encryption=encryption, as_is=True)
    try:
        if not database.steps():
            raise StoreCorrupt(f"{source} holds no records: it was never used", remedy="name another file")
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with database.lend() as db:
            try:
                db.execute("VACUUM INTO ?", [str(partial)])
            except FAILURES as error:
                told = explained(error, _COPY, target)
                if isinstance(told, StoreUnavailable):  # it is the copy that cannot be written
                    raise told from None
                raise
    finally:
        database.close()
