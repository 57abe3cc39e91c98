"""SQLCipher's driver in the manner of Python's own: the same connections, and the same exceptions.

`sqlcipher3` is Python's `sqlite3` compiled with another library, so its connections do the same; but its exceptions are
classes of its own. Here they become those of `sqlite3`, so that nobody else has to know which driver is in use.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from sqlcipher3 import dbapi2

_HELD: Final[Counter[tuple[int, int]]] = Counter()
"""How many connections this process has to each file, by device and inode: locks belong to a process, so does this."""
_LOCK: Final = threading.RLock()
_Method = TypeVar("_Method", bound=Callable[..., Any])


def connect(path: Path, *, key: str | None, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection in autocommit mode; whether the key fits shows with the first statement.

    Args:
        path: the file; SQLite makes one that is missing.
        key: as `PRAGMA key` takes it; None for a plain file.
        busy_timeout_s: how long to wait for another process, in seconds.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    try:
        return cast(sqlite3.Connection, _Connection(path, key, busy_timeout_s))
    except dbapi2.Error as error:
        raise _translated(error) from None


def holds(path: Path) -> bool:
    """Whether this process has the file open by SQLCipher."""
    with _LOCK:
        return _file_at(path) in _HELD


def _file_at(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


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
    def __init__(self, path: Path, key: str | None, busy_timeout_s: float) -> None:
        self._file: tuple[int, int] | None = None
        super().__init__(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
        with _LOCK:
            self._file = _file_at(path)
            _HELD[self._file] += 1
        self.execute("PRAGMA cipher_log_level = none")  # it would tell the terminal what is raised as an error
        if key is not None:
            self.execute(f'PRAGMA key = "{key}"')

    def cursor(self, factory: type[_Cursor] = _Cursor) -> Any:
        """`execute` and its like make their cursors with it, too."""
        return super().cursor(factory)

    def close(self) -> None:
        try:
            super().close()
        except dbapi2.Error as error:
            raise _translated(error) from None
        self._release()

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        with _LOCK:
            file, self._file = self._file, None
            if file is not None:
                _HELD[file] -= 1
                if not _HELD[file]:
                    del _HELD[file]

    commit = _translating(dbapi2.Connection.commit)
    rollback = _translating(dbapi2.Connection.rollback)
    backup = _translating(dbapi2.Connection.backup)
