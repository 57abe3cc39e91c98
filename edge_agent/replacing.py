"""One file takes the place of another, whole or not at all, and what it replaces is overwritten.

A step at a time, so that a process killed at any moment leaves either the old file or the new one in place, and what
else it leaves is known by its name and swept away by whoever opens the file next:

1. the new file is finished and on the disk, as `NAME.converting`;
2. the old one gets a second name, `NAME.replaced`;
3. the new one takes the name of the old one, in one step of the file system;
4. `NAME.replaced` is overwritten with zeros, and removed.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from edge_agent.context.swap import put_in_place

_CHUNK: Final = 1 << 20


def beside(path: Path) -> Path:
    """Where the file that shall replace `path` is made."""
    return _named(path, ".converting")


def replace(path: Path) -> None:
    """Put the finished `beside(path)` in the place of `path`, and overwrite what was there.

    Nobody else may have `path` open; who waits to open it finds zeros then, no database, and has to open it again.

    Raises:
        OSError: the folder may not be written. Before the new file is in place, `path` is as it was.
    """
    path = path.resolve()
    new, old = beside(path), _replaced(path)
    os.link(path, old)
    put_in_place(new, path)
    wipe(old)


def sweep(path: Path) -> None:
    """Remove what a replacement of `path` that was killed has left.

    Only while `path` is open, and was read since: nobody replaces it then, and no old page is needed any more.

    Raises:
        OSError: it cannot be removed.
    """
    old = _replaced(path)
    with contextlib.suppress(FileNotFoundError):
        if old.samefile(path):  # killed between the second step and the third
            old.unlink()
    wipe(old)
    wipe(beside(path))
    wipe(rollback_journal(path))


def rollback_journal(path: Path) -> Path:
    """Where SQLite keeps old pages while it changes a file that has no write-ahead log, as one that is converted."""
    return _named(path, "-journal")


def wipe(path: Path) -> None:
    """Overwrite a file with zeros, and remove it; a missing one is fine.

    This reaches the blocks that the file has. A flash disk, a file system that copies on writing, a snapshot and a
    backup keep what they kept before.
    """
    with contextlib.suppress(FileNotFoundError), path.open("r+b", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _CHUNK)))
        os.fsync(file.fileno())
    path.unlink(missing_ok=True)


def _replaced(path: Path) -> Path:
    return _named(path, ".replaced")


def _named(path: Path, ending: str) -> Path:
    """Beside the file itself, where `path` is a link to it."""
    path = path.resolve()
    return path.with_name(path.name + ending)
