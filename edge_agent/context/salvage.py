"""Reading a table that may be damaged: every row that can still be read, whatever lies between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from edge_agent.database import FAILURES

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


def rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[int, Row | None]]:
    """Rows of a table that has ids, in their order; None for one that is there and cannot be read.

    A page that makes no sense any more is passed over: what was on it is not known here.
    """
    names = columns(connection, table)
    after: int | None = 0
    while after is not None:
        found, after = _page(connection, table, after)
        for row_id, *values in found:
            yield row_id, dict(zip(names, values, strict=True)) if values else None


def rows_without_ids(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Rows of a table that has no ids: from its beginning to where it breaks, and then back from its end."""
    names = columns(connection, table)
    key = "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk)"
    (order,) = connection.execute(key, (table,)).fetchone()
    backwards = ", ".join(f"{name} DESC" for name in order.split(","))
    for ordered in (order, backwards):
        try:
            for values in connection.execute(f"SELECT * FROM {table} ORDER BY {ordered}"):
                yield dict(zip(names, values, strict=True))
        except FAILURES:
            continue
        return


def _page(connection: sqlite3.Connection, table: str, after: int) -> tuple[list[_Values], int | None]:
    """Some rows behind an id, and the id behind which to go on; None at the end.

    The last row of a full page is left to the next one, so that no id is believed before its neighbour was seen.
    """
    query = f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}"
    try:
        found = connection.execute(query, (after,)).fetchall()
    except FAILURES:
        return _one_by_one(connection, table, after)
    ids = [after, *(row[0] for row in found)]
    if any(first >= second for first, second in pairwise(ids)):
        return _one_by_one(connection, table, after)
    return (found[:-1], ids[-2]) if len(found) == _PAGE else (found, None)


def _one_by_one(connection: sqlite3.Connection, table: str, after: int) -> tuple[list[_Values], int | None]:
    """The same, where rows or whole pages are broken."""
    found: list[_Values] = []
    while len(found) < _PAGE:
        try:
            row_id = _next_id(connection, table, after)
        except FAILURES:
            return found, _beyond(connection, table, after)
        if row_id is None:
            return found, None
        found.append(_row(connection, table, row_id))
        after = row_id
    return found, after


def _next_id(connection: sqlite3.Connection, table: str, after: int) -> int | None:
    """The next id, unless the one behind it is less: then that one, since a spoiled id would hide all behind it.

    Raises:
        sqlite3.Error: the page that it is on is broken.
    """
    query = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
    try:
        ids = connection.execute(query, (after, 2)).fetchall()
    except FAILURES:
        ids = connection.execute(query, (after, 1)).fetchall()
    return min((row_id for (row_id,) in ids if row_id > after), default=None)


def _row(connection: sqlite3.Connection, table: str, row_id: int) -> _Values:
    """One row with its id before it; the id alone, where the row cannot be read."""
    try:
        found: _Values | None = connection.execute(
            f"SELECT rowid, * FROM {table} WHERE rowid = ?", (row_id,)
        ).fetchone()
    except FAILURES:
        found = None
    return found or (row_id,)


def _beyond(connection: sqlite3.Connection, table: str, after: int) -> int | None:
    """The next id at or behind `after` behind which the table can be read again, found by halving; None: nowhere."""
    low, step = after, 1
    if _reachable(connection, table, low):
        return low
    while not _reachable(connection, table, low + step):
        low, step = low + step, step * 2
        if low + step > _LAST_ID:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if _reachable(connection, table, middle):
            high = middle
        else:
            low = middle
    return high


def _reachable(connection: sqlite3.Connection, table: str, after: int) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1", (after,)).fetchone()
    except FAILURES:
        return False
    return True
