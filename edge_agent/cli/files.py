"""Files that commands write: whole or not at all, for their owner's eyes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import InvalidRequest


def write_lines(file: Path, lines: Iterable[str]) -> int:
    """Write `lines` in the place of what the file holds; how many they were.

    Raises:
        InvalidRequest: it cannot be written; it is as it was.
    """
    count = 0
    with _replacing(file) as partial, partial.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(line + "\n")
            count += 1
    return count


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A file beside `file`, which takes its place once it is whole."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        yield partial
        partial.replace(file)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}", remedy="name another file") from None
    finally:
        partial.unlink(missing_ok=True)
