"""Encrypting a store that is there, decrypting it, or giving it another key.

A new file is written beside it, compared with it row by row, and put in its place: see `replacing`. SQLCipher holds
both in one connection (`sqlcipher_export`), so no plain text passes through any other file.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_agent.database import Schema, explained
from edge_agent.driver import Encryption, Opener, dial
from edge_agent.keys import SALT_BYTES, Key, KeySource
from edge_agent.replacing import beside, replace, rollback_journal, sweep, wipe
from orchestrator.errors import StoreCorrupt, StoreUnavailable

_BUSY_TIMEOUT_S: Final = 1.0
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"
"""Those that hold rows, an index's own among them; a virtual table's rows are in these."""
_DEFINITIONS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_CAUSES: Final = {
    "database or disk is full": sqlite3.SQLITE_FULL,
    "disk I/O error": sqlite3.SQLITE_IOERR,
    "database disk image is malformed": sqlite3.SQLITE_CORRUPT,
}
_COUNTERS: Final = ("user_version", "application_id")
"""What a file's header holds beside its tables."""


def convert(path: Path, schema: Schema, *, opened_by: KeySource, to: KeySource | None) -> bool:
    """Encrypt a store with the key from `to`, or decrypt it where that is None; False where it is so already.

    Nobody else may have it open, neither another program (which is noticed) nor this one (which is not). Needs as much
    free space as the store has. Killed at any moment, it leaves the old store or the new one.

    Args:
        path: the store's file.
        schema: its tables.
        opened_by: where its key is, if it is encrypted now.
        to: where its new key is, or is to be kept.

    Raises:
        StoreLocked: a key cannot be had or kept, or does not fit.
        StoreUnavailable: there is no such file, it is in use, or there is no space for another; it is as it was.
        StoreCorrupt: it is damaged; it is as it was.
    """
    if not path.exists():
        raise StoreUnavailable(f"there is no {schema.noun} {path} yet", remedy="add or import something first")
    try:
        key = _key_of(path, Encryption(opened_by))
        new_key = None if to is None else _new_key(to, key)
        if new_key == key:
            return False
        _convert(path, key, new_key)
    except sqlite3.Error as error:
        raise explained(error, schema, path) from None
    except OSError as error:
        raise StoreUnavailable(
            f"the {schema.noun} {path} could not be replaced: {error.strerror}", remedy="allow writing to its folder"
        ) from None
    return True


def _new_key(to: KeySource, key: Key | None) -> Key:
    """A key with a salt of its own; the present one, where it is of the same secret."""
    secret = to.make()
    if key is not None and (same := Key.of(secret, key.salt)) == key:
        return same
    return Key.of(secret, os.urandom(SALT_BYTES))


def _key_of(path: Path, encryption: Encryption) -> Key | None:
    opener = Opener(path, encryption, busy_timeout_s=_BUSY_TIMEOUT_S)
    opener.connect().close()
    return opener.key


def _convert(path: Path, key: Key | None, new_key: Key | None) -> None:
    with _alone(path, key) as connection:
        sweep(path)
        if path.stat().st_nlink > 1:
            raise StoreUnavailable(
                f"{path} has another name, a hard link, which would be overwritten too", remedy="remove the other name"
            )
        new = beside(path)
        try:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            _copy(connection, new, new_key)
            with contextlib.closing(dial(new, new_key, busy_timeout_s=0.0, sqlcipher=True)) as copy:
                _compare(connection, copy, path)
            replace(path)
        finally:
            wipe(new)


@contextlib.contextmanager
def _alone(path: Path, key: Key | None) -> Iterator[sqlite3.Connection]:
    """A connection that keeps everybody else out, until it is closed. What the write-ahead log held is in the file."""
    connection = dial(path, key, busy_timeout_s=_BUSY_TIMEOUT_S, sqlcipher=True)
    try:
        connection.execute("PRAGMA locking_mode = exclusive").fetchall()
        connection.execute("PRAGMA temp_store = memory")
        connection.execute("PRAGMA journal_mode = delete").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")  # in this mode it keeps the lock
        wipe(rollback_journal(path))
        yield connection
    finally:
        connection.close()


def _copy(connection: sqlite3.Connection, new: Path, key: Key | None) -> None:
    connection.execute("ATTACH ? AS converted KEY ?", (str(new), "" if key is None else key.literal))
    connection.execute("PRAGMA converted.journal_mode = off").fetchall()  # half of it is worth nothing
    connection.execute("PRAGMA converted.synchronous = off")
    _export(connection)
    for counter in _COUNTERS:
        (value,) = connection.execute(f"PRAGMA main.{counter}").fetchone()
        connection.execute(f"PRAGMA converted.{counter} = {value}")
    connection.execute("DETACH converted")


def _export(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("SELECT sqlcipher_export('converted')").fetchall()
    except sqlite3.OperationalError as error:
        # It fails as any function does; only its words are still those of the cause.
        error.sqlite_errorcode = _CAUSES.get(str(error), error.sqlite_errorcode)
        raise


def _compare(original: sqlite3.Connection, copy: sqlite3.Connection, path: Path) -> None:
    """Whether the copy is whole and has every row.

    Raises:
        StoreCorrupt: it is not; so the original is damaged, or the disk is.
    """
    sound = copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    sealed = not copy.execute("PRAGMA cipher_integrity_check").fetchall()
    if sound and sealed and _equal(original, copy, _DEFINITIONS):
        tables = [name.replace('"', '""') for (name,) in original.execute(_TABLES).fetchall()]
        # Not by an index: the planner might choose another one for each.
        if all(_equal(original, copy, f'SELECT * FROM "{name}" NOT INDEXED') for name in tables):
            return
    raise StoreCorrupt(
        f"the converted copy of {path} is not equal to it, and was thrown away; the store is as it was",
        remedy="`edgewise context check` looks whether it is damaged",
    )


def _equal(one: sqlite3.Connection, other: sqlite3.Connection, sql: str) -> bool:
    return all(first == second for first, second in itertools.zip_longest(one.execute(sql), other.execute(sql)))
