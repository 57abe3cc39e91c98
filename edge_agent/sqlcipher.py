"""SQLCipher's driver in the manner of Python's own: the same connections, and the same exceptions.

`sqlcipher3` is Python's `sqlite3` compiled with another library, so its connections do the same; but its exceptions are
classes of its own. Here they become those of `sqlite3`, so that nobody else has to know which driver is in use.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlcipher3 import dbapi2

_Method = TypeVar("_Method", bound=Callable[..., Any])


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection in autocommit mode; a plain file's until it is given a key.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    try:
        connection = dbapi2.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, factory=_Connection
        )
    except dbapi2.Error as error:
        raise _translated(error) from None
    connection.execute("PRAGMA cipher_log_level = none")  # it would tell the terminal what is raised as an error
    return cast(sqlite3.Connection, connection)


def _translated(error: Exception) -> sqlite3.Error:
    """The exception of `sqlite3` that has the same name, message and code."""
    kind = getattr(sqlite3, type(error).__name__)
    told = cast(sqlite3.Error, kind(*error.args))
    for name in ("sqlite_errorcode", "sqlite_errorname"):
        if hasattr(error, name):
            setattr(told, name, getattr(error, name))
    return told


def _translating(method: _Method) -> _Method:
    @functools.wraps(method)
    def call(*arguments: Any, **more: Any) -> Any:
        try:
            return method(*arguments, **more)
        except dbapi2.Error as error:
            raise _translated(error) from None

    return cast(_Method, call)


class _Cursor(dbapi2.Cursor):  # type: ignore[misc]
    execute = _translating(dbapi2.Cursor.execute)
    executemany = _translating(dbapi2.Cursor.executemany)
    executescript = _translating(dbapi2.Cursor.executescript)
    fetchone = _translating(dbapi2.Cursor.fetchone)
    fetchmany = _translating(dbapi2.Cursor.fetchmany)
    fetchall = _translating(dbapi2.Cursor.fetchall)
    __next__ = _translating(dbapi2.Cursor.__next__)


class _Connection(dbapi2.Connection):  # type: ignore[misc]
    # Its `execute`, `executemany` and `executescript` make a cursor with `cursor`, and call its own.
    def cursor(self, factory: type[_Cursor] = _Cursor) -> Any:
        return super().cursor(factory)

    commit = _translating(dbapi2.Connection.commit)
    rollback = _translating(dbapi2.Connection.rollback)
    close = _translating(dbapi2.Connection.close)
    backup = _translating(dbapi2.Connection.backup)
