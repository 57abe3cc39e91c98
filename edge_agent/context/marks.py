"""Marks of what the user forgot, so that its source does not bring it back.

A mark is the SHA-256 of a record's key. It is no text, and tells nothing to whoever does not know the key already.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from edge_agent.context.paging import pages

_KEYS: Final = "SELECT key FROM records WHERE id IN (SELECT value FROM json_each(?))"


def leave(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Mark records that are about to be removed."""
    keys = connection.execute(_KEYS, (json.dumps(ids),)).fetchall()
    connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", ((_mark(key),) for (key,) in keys))


def marked(connection: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
    """Those of the keys whose records were forgotten."""
    by_mark = {_mark(key): key for key in keys}
    return {
        by_mark[mark]
        for page, places in pages(by_mark)
        for (mark,) in connection.execute(f"SELECT mark FROM forgotten WHERE mark IN ({places})", page)
    }


def lift(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Let records with these keys come back."""
    connection.executemany("DELETE FROM forgotten WHERE mark = ?", ((_mark(key),) for key in keys))


def _mark(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
