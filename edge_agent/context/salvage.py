"""Reading a table that may be damaged: every row that can still be read, whatever lies between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from edge_agent.database import Database
from orchestrator.errors import StoreError

Row = dict[str, Any]
_Values = tuple[Any, ...]

_PAGE: Final = 256
_LAST_ID: Final = 2**62


def tables(connection: sqlite3.Connection) -> dict[str, bool]:
    """Tables of our own by name, and whether their rows have ids; not those that SQLite and FTS5 keep for themselves.

    Raises:
        sqlite3.Error: the list of tables is damaged.
    """
    rows = connection.execute("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
    return {
        name: not without_ids
        for name, kind, without_ids in rows
        if kind == "table" and not name.startswith(("sqlite_", "_sqlite_"))
    }


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def rows(database: Database, table: str) -> Iterator[tuple[int, Row | None]]:
    """Rows of a table that has ids, in their order; None for one that is there and cannot be read.

    A page that makes no sense any more is passed over: what was on it is not known here.

    Raises:
        StoreError: the list of tables is damaged.
    """
    with database.lend() as db:
        names = columns(db.conn, table)
    after: int | None = 0
    while after is not None:
        found, after = _page(database, table, after)
        for row_id, *values in found:
            yield row_id, dict(zip(names, values, strict=True)) if values else None


def rows_without_ids(database: Database, table: str) -> Iterator[Row | None]:
    """Rows of a table that has no ids: from its beginning to where it breaks, and then back from its end.

    None stands where it breaks, for what cannot be read there. Behind it, rows may come a second time.

    Raises:
        StoreError: the list of tables is damaged.
    """
    with database.lend() as db:
        names = columns(db.conn, table)
        key = db.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,)).fetchall()
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{name} {direction}" for (name,) in key)
        try:
            with database.lend() as db:
                for values in db.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                    yield dict(zip(names, values, strict=True))
        except StoreError:
            yield None
            continue
        return


def _read(database: Database, sql: str, *values: int) -> list[_Values]:
    with database.lend() as db:
        found: list[_Values] = db.execute(sql, values).fetchall()
        return found


def _page(database: Database, table: str, after: int) -> tuple[list[_Values], int | None]:
    """Some rows behind an id, and the id behind which to go on; None at the end.

    The last row of a full page is left to the next one, so that no id is believed before its neighbour was seen.
    """
    query = f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}"
    try:
        found = _read(database, query, after)
    except StoreError:
        return _one_by_one(database, table, after)
    ids = [after, *(row[0] for row in found)]
    if any(first >= second for first, second in pairwise(ids)):
        return _one_by_one(database, table, after)
    return (found[:-1], ids[-2]) if len(found) == _PAGE else (found, None)


def _one_by_one(database: Database, table: str, after: int) -> tuple[list[_Values], int | None]:
    """The same, where rows or whole pages are broken."""
    found: list[_Values] = []
    while len(found) < _PAGE:
        try:
            row_id = _next_id(database, table, after)
        except StoreError:
            return found, _beyond(database, table, after)
        if row_id is None:
            return found, None
        found.append(_row(database, table, row_id))
        after = row_id
    return found, after


def _next_id(database: Database, table: str, after: int) -> int | None:
    """The next id, unless the one behind it is less: then that one, since a spoiled id would hide all behind it.

    Raises:
        StoreError: the page that it is on is broken.
    """
    query = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
    try:
        ids = _read(database, query, after, 2)
    except StoreError:
        ids = _read(database, query, after, 1)
    return min((row_id for (row_id,) in ids if row_id > after), default=None)


def _row(database: Database, table: str, row_id: int) -> _Values:
    """One row with its id before it; the id alone, where the row cannot be read."""
    try:
        found = _read(database, f"SELECT rowid, * FROM {table} WHERE rowid = ?", row_id)
    except StoreError:
        found = []
    return found[0] if found else (row_id,)


def _beyond(database: Database, table: str, after: int) -> int | None:
    """The next id at or behind `after` behind which the table can be read again, found by halving; None: nowhere."""
    low, step = after, 1
    if _reachable(database, table, low):
        return low
    while not _reachable(database, table, low + step):
        low, step = low + step, step * 2
        if low + step > _LAST_ID:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if _reachable(database, table, middle):
            high = middle
        else:
            low = middle
    return high


def _reachable(database: Database, table: str, after: int) -> bool:
    try:
        _read(database, f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1", after)
    except StoreError:
        return False
    return True
