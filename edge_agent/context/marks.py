"""Marks of what the user forgot, so that its source does not bring it back.

A mark is the SHA-256 of a record's key. It is no text, and tells nothing to whoever does not know the key already.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

_KEYS: Final = "SELECT key FROM records WHERE id IN (SELECT value FROM json_each(?))"


def leave(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Mark records that are about to be removed."""
    keys = connection.execute(_KEYS, (json.dumps(ids),)).fetchall()
    connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", ((_mark(key),) for (key,) in keys))


def is_marked(connection: sqlite3.Connection, key: str) -> bool:
    """Whether a record with this key was forgotten."""
    return connection.execute("SELECT 1 FROM forgotten WHERE mark = ?", (_mark(key),)).fetchone() is not None


def lift(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Let records with these keys come back."""
    connection.executemany("DELETE FROM forgotten WHERE mark = ?", ((_mark(key),) for key in keys))


def _mark(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
