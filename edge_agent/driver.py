"""The one way in which a SQLite file is opened: by Python's own driver, or by SQLCipher's where it is encrypted.

SQLCipher (zetetic.net/sqlcipher) encrypts every page of the file and of its logs with AES-256 in CBC mode, and signs it
with HMAC-SHA512. Both drivers give connections of the same shape; their exceptions have the same names and codes, but
no class in common, so `errors()` lists both roots.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.keys import KEY_BYTES, Key, KeySource, Remembered, not_installed
from orchestrator.errors import StoreLocked

_RETRY_S: Final = 0.01
_PRIMARY_CODE: Final = 0xFF
"""SQLite's extended result codes carry the primary one in their low byte."""
_PAGE_BYTES: Final = 4096
_LOOKED_AT: Final = 8
"""Pages: a plain file with a damaged first page is told from an encrypted one."""
_PLAIN_HEADER: Final = b"SQLite format 3\0"
_LEAST_KINDS_OF_BYTES: Final = 240
"""4,096 random bytes lack a given value with a chance of one in ten million; text and tables have far fewer kinds."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a store that may be encrypted is opened."""

    keys: KeySource
    """Asked only where the file turns out to be encrypted, or is to be."""
    required: bool = False
    """A new file is encrypted, and one that is not is refused."""

    def asked_once(self) -> Encryption:
        """The same for several files of one secret: nobody has to type it again."""
        return Encryption(Remembered(self.keys), required=self.required)


_FINDING_OUT: Final = threading.Lock()
"""Held while it is found out which driver a file needs.

The two must never have the same file open in one process: locks belong to the process, so they do not see each other's,
and the one that closes ends the other's (sqlite.org/howtocorrupt.html, 2.2).
"""


class Opener:
    """Opens connections to one file. Whether it is encrypted, and with which key, is found out with the first.

    Not for several threads until the first connection is there.
    """

    def __init__(
        self, path: Path, encryption: Encryption | None, *, busy_timeout_s: float, as_is: bool = False
    ) -> None:
        """Nothing is opened yet.

        Args:
            path: the file, which is there.
            encryption: None where the file is never encrypted.
            busy_timeout_s: how long to wait for another process, in seconds.
            as_is: leave the file without a write-ahead log, if it has none.
        """
        self.key: Key | None = None
        """The file's, once there was a connection; None where it is plain."""
        self._path = path
        self._encryption = encryption
        self._busy_timeout_s = busy_timeout_s
        self._as_is = as_is
        self._found_out = False

    def connect(self) -> sqlite3.Connection:
        """A connection in autocommit mode.

        Raises:
            StoreLocked: the file is encrypted, and its key cannot be had or is another; or it is not, and has to be.
            sqlite3.Error: the file cannot be read.
        """
        if self._found_out:
            return self._connect(self.key)
        with _FINDING_OUT:
            connection = self._first()
        self._found_out = True
        return connection

    def _first(self) -> sqlite3.Connection:
        if not _held_encrypted(self._path):
            if self._encryption is not None and self._encryption.required:
                self._refuse_plain()
            elif (connection := self._plain()) is not None:
                return connection
        if self._encryption is None:
            raise StoreLocked(f"{self._path} is encrypted", remedy="open it with its key")
        return self._unlock(self._encryption.keys)

    def _refuse_plain(self) -> None:
        if is_plain(self._path):
            raise StoreLocked(
                f"{self._path} is not encrypted, and the configuration requires it",
                remedy="`edgewise context encrypt` converts it",
            )

    def _plain(self) -> sqlite3.Connection | None:
        """A connection, unless the file is encrypted."""
        try:
            return self._connect(None)
        except sqlite3.Error as error:
            if primary_code(error) != sqlite3.SQLITE_NOTADB:
                raise
            pages = _first_pages(self._path)
            if pages.startswith(_PLAIN_HEADER):
                return self._connect(None)  # it was decrypted while we waited for it
            if _looks_encrypted(pages):
                return None
            raise

    def _unlock(self, keys: KeySource) -> sqlite3.Connection:
        """Open the file with the key that `keys` give; a new file becomes encrypted with it."""
        salt, secret = self._salt_and_secret(keys)
        while True:
            self.key = Key.of(secret, salt)
            try:
                return self._connect(self.key)
            except sqlite3.Error as error:
                if primary_code(error) != sqlite3.SQLITE_NOTADB:
                    raise
            tried, salt = salt, _salt(self._path)
            if salt == tried:
                raise StoreLocked(
                    f"{keys} does not open {self._path}: its key is another one, or its first page is damaged",
                    remedy="try again with the key that it was encrypted with, or bring a copy of the file",
                )
            # Another process was quicker to make the file.

    def _salt_and_secret(self, keys: KeySource) -> tuple[bytes, str]:
        if not self._path.stat().st_size:
            return _salt(self._path), keys.make()
        try:
            return _salt(self._path), keys.secret()
        except StoreLocked as error:
            raise StoreLocked(
                f"{self._path} is encrypted, and {error.message}",
                remedy=f"{error.remedy}; or name another place of its key: `context.encryption.key_from`",
            ) from None

    def _connect(self, key: Key | None) -> sqlite3.Connection:
        connection = dial(self._path, key, busy_timeout_s=self._busy_timeout_s)
        try:
            if self._as_is:
                connection.execute("PRAGMA schema_version").fetchone()  # shows whether the key fits
            else:
                self._use_write_ahead_log(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Changing the journal mode does not wait for others as everything else does, so the waiting is done here."""
        until_s = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = wal")
                return
            except sqlite3.Error as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                    raise
                time.sleep(_RETRY_S)


def dial(path: Path, key: Key | None, *, busy_timeout_s: float, sqlcipher: bool = False) -> sqlite3.Connection:
    """A bare connection in autocommit mode; whether the key fits shows with the first statement.

    Args:
        path: the file; SQLite makes one that is missing.
        key: None for a plain file.
        busy_timeout_s: how long to wait for another process, in seconds.
        sqlcipher: have SQLCipher open a plain file too, so that one connection can hold a plain and an encrypted one.

    Raises:
        StoreLocked: SQLCipher is needed, and not installed.
    """
    if key is None and not sqlcipher:
        return sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        from edge_agent.sqlcipher import connect  # 20 MB: only where something is encrypted
    except ImportError:
        raise not_installed() from None
    return connect(path, key=None if key is None else key.literal, busy_timeout_s=busy_timeout_s)


def is_plain(path: Path) -> bool:
    """Whether a file is a SQLite database without encryption. Only of one that this process has not open."""
    return _first_pages(path).startswith(_PLAIN_HEADER)


def primary_code(error: Exception) -> int:
    """The primary result code; `SQLITE_OK` where it was Python's module that complained."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & _PRIMARY_CODE


def _salt(path: Path) -> bytes:
    """The salt of an encrypted file; a random one for an empty file.

    SQLCipher reads it: if we did, closing the file would end the locks of this process's other connections to it.
    """
    connection = dial(path, None, busy_timeout_s=0.0, sqlcipher=True)
    try:
        connection.execute(f"PRAGMA key = \"x'{bytes(KEY_BYTES).hex()}'\"")  # any key: it has to have one to tell
        return bytes.fromhex(connection.execute("PRAGMA cipher_salt").fetchone()[0])
    finally:
        connection.close()


def _held_encrypted(path: Path) -> bool:
    """Whether this process has the file open by SQLCipher, which then is the only one that may touch it."""
    used = sys.modules.get("edge_agent.sqlcipher")
    return used is not None and bool(used.holds(path))


def _looks_encrypted(pages: bytes) -> bool:
    """Whether the first pages of what is no SQLite database are of random bytes, all of them."""
    if len(pages) < _PAGE_BYTES:
        return False
    starts = range(0, len(pages) - _PAGE_BYTES + 1, _PAGE_BYTES)
    return all(len(set(pages[start : start + _PAGE_BYTES])) >= _LEAST_KINDS_OF_BYTES for start in starts)


def _first_pages(path: Path) -> bytes:
    """Only of a file that this process has not open: see `_salt`."""
    with path.open("rb") as file:
        return file.read(_LOOKED_AT * _PAGE_BYTES)
