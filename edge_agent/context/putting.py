"""Items into the table of records: added under a new id, or in place of what has their key."""

from __future__ import annotations

import sqlite3
from typing import Final

from edge_agent.context import marks
from edge_agent.context.items import COLUMNS, Item

Row = tuple[object, ...]
"""The values of `COLUMNS`, as `items.to_row` gives them."""

_COLUMNS: Final = ", ".join(COLUMNS)
_INSERT: Final = f"INSERT INTO records ({_COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INSERT_KEYED: Final = f"INSERT INTO records (id, key, {_COLUMNS}) VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"
_UPDATE: Final = f"UPDATE records SET {' = ?, '.join(COLUMNS)} = ? WHERE id = ?"
_STORED: Final = f"SELECT id, {_COLUMNS} FROM records WHERE key = ?"


def add(connection: sqlite3.Connection, row: Row) -> int:
    """Add a record under a new id, which is returned."""
    return int(connection.execute(_INSERT, row).lastrowid or 0)


def put(connection: sqlite3.Connection, item: Item, row: Row) -> str:
    """Add or update one item; the name of what happened, as a field of `PutCounts`."""
    if item.key is None:
        connection.execute(_INSERT, row)
        return "added"
    found = connection.execute(_STORED, (item.key,)).fetchone()
    if found is None and marks.is_marked(connection, item.key):
        return "forgotten"
    if found is None:
        connection.execute(_INSERT_KEYED, (_free_id(connection, item.record.id), item.key, *row))
        return "added"
    if found[1:] == row:
        return "unchanged"
    connection.execute(_UPDATE, (*row, found[0]))
    return "updated"


def stored(connection: sqlite3.Connection, key: str) -> Row | None:
    """What the record with this key says; None where there is none."""
    found = connection.execute(_STORED, (key,)).fetchone()
    return None if found is None else tuple(found[1:])


def _free_id(connection: sqlite3.Connection, wanted: int | None) -> int | None:
    """`wanted`, if no record ever had it here; None lets SQLite choose."""
    if wanted is None:
        return None
    (last,) = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'records'").fetchone()
    return wanted if wanted > (last or 0) else None
