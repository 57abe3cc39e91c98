"""What this device's SQLite stores share: opening, migrating, lending connections, and explaining failures.

Any number of threads and processes may use one file. It has a write-ahead log, so readers never wait for a writer, and
a commit is on the disk before it returns: losing power loses nothing that was stored (law 4). Waiting for it takes
milliseconds, so a write that only the answer in flight would miss need not wait; the next one carries it along.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlite_utils
from sqlite_utils import Migrations

from edge_agent.driver import Encryption, Opener, primary_code
from edge_agent.replacing import sweep
from orchestrator.errors import StoreCorrupt, StoreError, StoreUnavailable

_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "close that program, or try again"),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "close that program, or try again"),
    sqlite3.SQLITE_READONLY: ("is read-only", "allow writing to the file and its folder"),
    sqlite3.SQLITE_PERM: ("may not be opened", "allow reading and writing the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "allow reading and writing the file and its folder"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "free some space; nothing that was stored is lost"),
    sqlite3.SQLITE_IOERR: ("met an error of the disk", "check the disk; nothing that was stored is changed"),
}
FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""What a statement may raise; the second where SQLite quotes a damaged schema that is no UTF-8."""
_SMALL_BYTES: Final = 64_000_000
"""A file that takes no more than that can be written anew in memory."""
_LARGE: Final = 20_000_000
"""Bytes of a file from which bringing it up to date may take so long that one wonders."""
_log = logging.getLogger(__name__)
_CREATING: Final = threading.Lock()
"""Held while a file is made: no thread may have SQLite open it before it is closed here."""
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one kind of store, as migrations in order."""

    noun: str
    """What people call the store: "ledger"."""
    steps: tuple[Callable[[sqlite_utils.Database], None], ...]
    """What is here once is never edited, only followed by another step; its name is its name in the file."""
    if_damaged: str = "put a copy in its place, or move it away: a new one is made"
    """What to do about a damaged file."""
    if_newer: str = "upgrade Edgewise"
    """What to do about a file that a newer version wrote."""

    @property
    def migrations(self) -> Migrations:
        """The steps as sqlite-utils knows them."""
        migrations = Migrations(f"edgewise.{self.noun}")
        for step in self.steps:
            migrations(name=step.__name__)(step)
        return migrations


class Database:
    """One SQLite file, and a pool that grows to as many connections as are in use at once.

    The last connection given back is lent first: its page cache is warm. Nothing leaks when a worker thread ends, and
    a reader never waits for a writer of its own process either. Do not use one on both sides of a fork.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        encryption: Encryption | None = None,
        busy_timeout_s: float = 10.0,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
        as_is: bool = False,
        is_damaged: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open the file, and bring it up to date; where there is none, create it, readable by its owner only.

        Args:
            path: the file; missing folders are made.
            schema: its tables.
            encryption: how it is opened where it is encrypted; None where it never is.
            busy_timeout_s: how long to wait for another process before giving up, in seconds.
            prepare: called with each new connection, for temporary tables and pragmas of its own.
            as_is: open what is there, of whatever version and in whatever state: nothing is made or brought up to date.
            is_damaged: asked when what was read made no sense to the caller of `lend` or `write`.

        Raises:
            StoreCorrupt: the file is damaged, or is not such a store.
            StoreLocked: it is encrypted, and its key cannot be had; or it is not, and has to be.
            StoreUnavailable: in use, read-only, no space, or written by a newer version.
        """
        self.path = path
        self._schema = schema
        self._opener = Opener(path, encryption, busy_timeout_s=busy_timeout_s, as_is=as_is)
        self._prepare = prepare
        self._as_is = as_is
        self._is_damaged = is_damaged
        self._idle: list[sqlite_utils.Database] = []
        self._lock = threading.Lock()
        self._closed = False
        if as_is:
            return
        try:
            self._migrate()
            self._sweep()
        except BaseException:
            self.close()
            raise

    @property
    def encrypted(self) -> bool:
        """Whether the file is."""
        return self._opener.key is not None

    @contextlib.contextmanager
    def lend(self) -> Iterator[sqlite_utils.Database]:
        """A connection in autocommit mode, for reading. Each statement sees one consistent state.

        Raises:
            StoreError: SQLite failed, in our words.
        """
        with self._explained():
            db = self._take()
            try:
                yield db
            except FAILURES:
                db.close()  # one of SQLCipher's that has met a damaged page reads nothing more
                raise
            except BaseException:
                self._take_back(db)
                raise
            self._take_back(db)

    @contextlib.contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite_utils.Database]:
        """A connection inside a write transaction: committed at the end, rolled back by an exception.

        Args:
            durable: wait until it is on the disk. Otherwise it survives the end of this process, but a power cut only
                once a later write was durable. Either way, the file is never damaged.

        Raises:
            StoreError: SQLite failed, in our words; nothing was written.
        """
        with self.lend() as db:
            db.execute("PRAGMA synchronous = full" if durable else "PRAGMA synchronous = normal")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.commit()

    def steps(self) -> tuple[str, ...]:
        """The steps of the schema that the file has behind it, in their order; none where it is new.

        Raises:
            StoreCorrupt: the file is damaged, or is not such a store.
            StoreUnavailable: it cannot be opened, or was written by a newer version.
        """
        with self.lend() as db:
            return self._steps(db)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> sqlite_utils.Database:
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"the {self._schema.noun} {self.path} was closed", remedy="open it again")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _take_back(self, db: sqlite_utils.Database) -> None:
        db.rollback()
        with self._lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    def _connect(self) -> sqlite_utils.Database:
        while True:
            opened = self._find_file()
            connection = self._opener.connect()
            try:
                self._set_up(connection)
                if os.path.samestat(opened, os.stat(self.path)):
                    return sqlite_utils.Database(connection, execute_plugins=False)
            except BaseException:
                connection.close()
                raise
            connection.close()  # another file took its place meanwhile: that one is wanted, not what was put aside

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = on")
        connection.execute("PRAGMA secure_delete = on")  # what is removed is overwritten with zeros
        connection.execute("PRAGMA cell_size_check = on")  # damage is told where it lies, not where it leads
        if self._prepare is not None:
            self._prepare(connection)

    def _find_file(self) -> os.stat_result:
        """Which file it is that is about to be opened; a new one where there is none, for its owner's eyes."""
        try:
            if not self._as_is:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._create_file()
            return os.stat(self.path)
        except FileNotFoundError:
            raise StoreUnavailable(f"there is no {self._schema.noun} {self.path}", remedy="check the path") from None
        except OSError as error:
            raise StoreUnavailable(
                f"the {self._schema.noun} {self.path} cannot be opened: {error.strerror}",
                remedy="allow reading and writing the file and its folder",
            ) from None

    def _create_file(self) -> None:
        """Make the file where there is none, and open no other: closing it would end SQLite's locks on it (POSIX).

        Another process would then take itself for the last one, and remove the log that this one goes on writing.
        """
        with _CREATING, contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _sweep(self) -> None:
        """Remove what a killed conversion left: see `replacing`. Our open connection keeps another from running."""
        try:
            sweep(self.path)
        except OSError as error:
            raise StoreUnavailable(
                f"what an interrupted conversion of {self.path} left cannot be removed: {error.strerror}",
                remedy="allow writing to its folder",
            ) from None

    def _migrate(self) -> None:
        """Bring the file up to date in one transaction: all pending steps happen, or none."""
        with self.lend() as db:
            pending = self._is_pending(db)
        if pending:
            if self.path.stat().st_size > _LARGE:
                _log.warning("bringing the %s up to date, once: a large one takes some seconds", self._schema.noun)
            with self.write() as db:  # another process may have been quicker
                if self._is_pending(db):
                    self._schema.migrations.apply(db)

    def _is_pending(self, db: sqlite_utils.Database) -> bool:
        return len(self._steps(db)) < len(self._schema.steps)

    def _steps(self, db: sqlite_utils.Database) -> tuple[str, ...]:
        applied = {step.name for step in self._schema.migrations.applied(db)}
        if not applied and db.table_names():
            raise StoreCorrupt(
                f"{self.path} is a database, but not a {self._schema.noun}", remedy="name another file, or move it away"
            )
        known = tuple(step.__name__ for step in self._schema.steps)
        if applied - set(known):
            raise StoreUnavailable(f"a newer version of Edgewise wrote {self.path}", remedy=self._schema.if_newer)
        return tuple(name for name in known if name in applied)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors in our words. Its own can quote what was stored, so they are not passed on."""
        try:
            yield
        except FAILURES as error:
            raise explained(error, self._schema, self.path) from None
        except (ArithmeticError, LookupError, TypeError, ValueError):
            if self._is_damaged():
                raise _damaged(self._schema, self.path) from None
            raise


def cut_log(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into its file and cut it off, with older pages in it; False where somebody reads it."""
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(truncate)").fetchone()
    return not busy


def clean(connection: sqlite3.Connection) -> bool:
    """Leave nothing of removed rows in the file and its log; False where somebody reads from them.

    Where rows once moved to another page, the old page keeps their bytes between its own rows, and `secure_delete`
    never comes there. So a file that is not large is written anew, in memory (`PRAGMA temp_store`). The log is cut off
    before, too: to write everything behind somebody who reads all the time would be in vain.

    Raises:
        sqlite3.OperationalError: somebody else writes, or the disk is full.
    """
    if not cut_log(connection):
        return False
    pages, free = _pragma(connection, "page_count"), _pragma(connection, "freelist_count")
    if (pages - free) * _pragma(connection, "page_size") <= _SMALL_BYTES:
        connection.execute("VACUUM")
    return cut_log(connection)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextlib.contextmanager
def patience(connection: sqlite3.Connection, most_ms: int) -> Iterator[None]:
    """Within it, others' locks are waited for that long at most."""
    (timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    try:
        connection.execute(f"PRAGMA busy_timeout = {min(timeout_ms, most_ms)}")
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout_ms}")


def explained(error: Exception, schema: Schema, path: Path) -> StoreError:
    """What SQLite says of the file at `path`, in our words."""
    if is_damage(error):
        return _damaged(schema, path)
    code = primary_code(error)
    if code in _UNAVAILABLE:
        fault, remedy = _UNAVAILABLE[code]
        return StoreUnavailable(f"the {schema.noun} {path} {fault}", remedy=remedy)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreError(f"the {schema.noun} {path} failed: {name}", remedy="report this as a bug")


def _damaged(schema: Schema, path: Path) -> StoreCorrupt:
    return StoreCorrupt(f"{path} is damaged, or is not a {schema.noun}", remedy=schema.if_damaged)


def is_damage(error: Exception) -> bool:
    """Whether the file is at fault.

    A text that is no UTF-8 is damage too: Python finds that one, and gives no code. And so is a header that names a
    format which SQLite never had: for that it has no code of its own either.
    """
    if str(error) == "unsupported file format":
        return True
    undecodable = isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")
    return undecodable or isinstance(error, UnicodeDecodeError) or primary_code(error) in _DAMAGED
