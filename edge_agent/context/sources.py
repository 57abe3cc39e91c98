"""What the store knows of the files that its records came from: how they were when they were read, and what they held.

A file that is as it was need not be read again, and a record that its file no longer holds can be removed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_BEGIN: Final = """
INSERT INTO sources (path) VALUES (?) ON CONFLICT (path) DO UPDATE SET reading = reading + 1, state = ''
RETURNING id, reading
"""
_HOLDS: Final = """
INSERT INTO source_items (source_id, key, reading) VALUES (?, ?, ?)
ON CONFLICT (source_id, key) DO UPDATE SET reading = max(reading, excluded.reading)
"""
_ORPHANS: Final = """
DELETE FROM records WHERE key IN (SELECT key FROM source_items WHERE source_id = :id AND reading < :reading)
AND NOT EXISTS (SELECT 1 FROM source_items WHERE key = records.key AND NOT (source_id = :id AND reading < :reading))
"""
_HOLDERS: Final = """
SELECT mine.key, others.path FROM sources AS this JOIN source_items AS mine ON mine.source_id = this.id
LEFT JOIN source_items AS theirs ON theirs.key = mine.key AND theirs.source_id != this.id
LEFT JOIN sources AS others ON others.id = theirs.source_id WHERE this.path = ?
"""
_FORGOTTEN_ITEMS: Final = "DELETE FROM source_items WHERE source_id = :id AND reading < :reading"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one file."""

    source_id: int
    number: int
    """Of the readings of this file."""


def known(connection: sqlite3.Connection, path: str, state: str) -> int | None:
    """How many items a file holds, if it was read to its end when it was in this `state`; or else None."""
    row = connection.execute("SELECT id FROM sources WHERE path = ? AND state = ?", (path, state)).fetchone()
    if row is None:
        return None
    (count,) = connection.execute("SELECT count(*) FROM source_items WHERE source_id = ?", row).fetchone()
    return int(count)


def begin(connection: sqlite3.Connection, path: str) -> Reading:
    """A new reading of a file. Until its end, the file's state is unknown."""
    source_id, reading = connection.execute(_BEGIN, (path,)).fetchone()
    return Reading(source_id, reading)


def hold(connection: sqlite3.Connection, reading: Reading, keys: Iterable[str]) -> None:
    """Note the items that this reading of a file found."""
    connection.executemany(_HOLDS, ((reading.source_id, key, reading.number) for key in keys))


def end(connection: sqlite3.Connection, reading: Reading, state: str, *, prune: bool) -> int:
    """The file was read to its end in this `state`; how many records were removed.

    Args:
        connection: inside a transaction.
        reading: from `begin`.
        state: what `known` will be asked.
        prune: remove the records of earlier readings that this one did not find, unless another file holds them.
    """
    values = {"id": reading.source_id, "reading": reading.number}
    removed = 0
    if prune:
        removed = connection.execute(_ORPHANS, values).rowcount
        connection.execute(_FORGOTTEN_ITEMS, values)
    connection.execute("UPDATE sources SET state = ? WHERE id = ?", (state, reading.source_id))
    return removed


def missing(connection: sqlite3.Connection, folder: str, present: Iterable[str]) -> list[str]:
    """Files below `folder`, which ends in a separator, that were read once and are not among those `present`."""
    rows = connection.execute(
        "SELECT path FROM sources WHERE substr(path, 1, length(?1)) = ?1 "
        "AND path NOT IN (SELECT value FROM json_each(?2)) ORDER BY path",
        (folder, json.dumps(list(present))),
    )
    return [path for (path,) in rows]


def holders(connection: sqlite3.Connection, path: str) -> dict[str, set[str]]:
    """The keys that a file held when it was last read, and which other files hold each."""
    found: dict[str, set[str]] = {}
    for key, other in connection.execute(_HOLDERS, (path,)):
        found.setdefault(key, set()).update([other] if other is not None else [])
    return found


def drop(connection: sqlite3.Connection, path: str) -> int:
    """Remove a file that is gone, and the records that no other file holds; how many there were."""
    removed = end(connection, begin(connection, path), "", prune=True)
    connection.execute("DELETE FROM sources WHERE path = ?", (path,))
    return removed
