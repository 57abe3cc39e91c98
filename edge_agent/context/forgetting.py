"""Forgetting: what is removed is gone from the store's files, not only from its answers.

Removing a row takes its index entries, vectors and place in its source with it (triggers), and SQLite writes zeros
over it (`secure_delete`). Two copies are left. The full-text index keeps words until its segments merge, so they are
merged in the same transaction. The write-ahead log keeps old pages until it is cut off, which needs a moment in which
nobody reads from it; where none comes, or the power goes, whoever opens the store next does it. `removals` says that it
is due.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

_SMALL_BYTES: Final = 64_000_000
"""What remains of a store that is mostly empty is written anew up to this size: that happens in memory."""
_MOMENT_MS: Final = 1000
_DELETE: Final = "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of records that were to be forgotten."""

    records: int
    """How many there were."""
    wiped: bool
    """Whether the files hold nothing of them. Where others read all the time, what opens the store next wipes them."""


def missing(connection: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """Which of `ids` no record has."""
    sql = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM records)"
    return [row[0] for row in connection.execute(sql, (json.dumps(ids),))]


def remove(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Remove records and their words; inside a transaction, and `wipe` behind it."""
    if not ids:
        return
    connection.execute(_DELETE, (json.dumps(ids),))
    merge_index(connection)


def remove_all(connection: sqlite3.Connection) -> int:
    """Remove every record, and what is known of the files that they came from; how many records there were."""
    count = connection.execute("DELETE FROM records").rowcount
    connection.execute("DELETE FROM sources")
    merge_index(connection)
    return count


def merge_index(connection: sqlite3.Connection) -> None:
    """Write the full-text index anew, without the words of removed records."""
    connection.execute("INSERT INTO records_fts (records_fts) VALUES ('optimize')")


def removals(connection: sqlite3.Connection) -> int:
    """How many records were ever removed: whoever keeps what was made of records drops it when this has changed."""
    (count,) = connection.execute("SELECT count FROM removals").fetchone()
    return int(count)


def is_wiped(connection: sqlite3.Connection) -> bool:
    """Whether the files hold nothing of what was removed."""
    (wiped,) = connection.execute("SELECT wiped = count FROM removals").fetchone()
    return bool(wiped)


def wipe(connection: sqlite3.Connection, *, wait: bool = True) -> bool:
    """Cut off the write-ahead log, with what was removed; False where that cannot be now: somebody reads from it.

    Args:
        connection: outside of any transaction.
        wait: a moment for those who read, who are seldom longer; or else only try.
    """
    count = removals(connection)
    try:
        with _patience(connection, wait=wait):
            _compact(connection)
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(truncate)").fetchone()
            if not busy:
                connection.execute("UPDATE removals SET wiped = max(wiped, ?)", (count,))
        return not busy
    except sqlite3.OperationalError:  # locked, or no room to compact in: the removal itself stands
        return False


def _compact(connection: sqlite3.Connection) -> None:
    """Give back the room of a store that is mostly empty, unless somebody writes to it or the disk is full."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    if free > pages // 2 and (pages - free) * size <= _SMALL_BYTES:
        with suppress(sqlite3.OperationalError):
            connection.execute("VACUUM")


@contextmanager
def _patience(connection: sqlite3.Connection, *, wait: bool) -> Iterator[None]:
    """Within it, others' locks are waited for a moment, or not at all."""
    (timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    try:
        connection.execute(f"PRAGMA busy_timeout = {min(timeout_ms, _MOMENT_MS) if wait else 0}")
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout_ms}")
