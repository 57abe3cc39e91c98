"""One file of a store takes the place of another, which is kept beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from edge_agent.disk import sync
from orchestrator.errors import StoreUnavailable

try:
    import fcntl
except ImportError:  # Windows, where nobody can rename a file that another program has open
    fcntl = None  # type: ignore[assignment]

_LOG, _SHARED_MEMORY = "-wal", "-shm"
_SHARED_FIRST: Final = 0x40000002
_SHARED_BYTES: Final = 510
"""Where in the file every connection holds a shared lock (sqlite.org/fileformat2.html, "the lock-byte page")."""


@contextlib.contextmanager
def making(path: Path) -> Iterator[Path]:
    """Where to make a file that takes its place at `path` once it is whole; nothing of it is left if it does not.

    Missing folders are made.

    Raises:
        StoreUnavailable: the folder or the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f".{path.name}.partial")
        _discard(partial)  # what an attempt left that was killed
        try:
            yield partial
        finally:
            _discard(partial)
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written: {(error.strerror or type(error).__name__).lower()}",
            remedy="allow writing to its folder, or name another one",
        ) from None


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a closed database to `path`; it and its name are on the disk before this returns.

    Raises:
        OSError: it cannot be.
    """
    sync(partial)
    os.replace(partial, path)
    sync(path.parent)


def exchange(partial: Path, path: Path) -> Path | None:
    """Put `partial` at `path`, and keep what was there, with its log, under the name that is returned.

    At any moment one of the two is whole at `path`, if the disk knows hard links. None if there was nothing.

    Raises:
        OSError: the folder cannot be written.
        StoreUnavailable: another program uses what is there. (Not told of this process's own connections: have none.)
    """
    if not path.exists():
        put_in_place(partial, path)
        return None
    with _alone(path):
        former = _free_name(path)
        _keep(path, former)
        if _beside(path, _LOG).exists():
            _keep(_beside(path, _LOG), _beside(former, _LOG))
        sync(path.parent)
        # A log is only ever read with its own database: it goes before that does.
        _beside(path, _LOG).unlink(missing_ok=True)
        _beside(path, _SHARED_MEMORY).unlink(missing_ok=True)
        put_in_place(partial, path)
    return former


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else has the database open, nor can anyone begin to use it."""
    if fcntl is None:
        yield
        return
    with path.open("rb+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_FIRST)
        except OSError:
            raise StoreUnavailable(
                f"{path} is in use by another program",
                remedy="end what uses it (`edgewise serve`, `edgewise chat`, …) and try again",
            ) from None
        yield


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}.former-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def _keep(path: Path, name: Path) -> None:
    """Another name for a file; instead of its own where the disk knows no such thing, as a memory stick."""
    try:
        os.link(path, name)
    except OSError:
        path.rename(name)


def _discard(path: Path) -> None:
    """Remove a database with its log."""
    for file in (path, _beside(path, _LOG), _beside(path, _SHARED_MEMORY)):
        file.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
