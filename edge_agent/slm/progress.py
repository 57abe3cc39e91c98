"""How long work tells of itself: a terminal draws bars, a log prints a line, a library call says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

#: Told how far a task is: an absolute count, of bytes where the task is a transfer.
Advance = Callable[[int], None]


class Progress(Protocol):
    """Whoever is told."""

    def note(self, line: str) -> None:
        """Something that the user should know, in one line."""
        ...

    def task(self, label: str, total: int, *, in_bytes: bool = True) -> AbstractContextManager[Advance]:
        """A piece of work of `total` bytes (or steps): inside the block, call what it gives with how far it is."""
        ...


class Quiet:
    """Tells nobody."""

    def note(self, line: str) -> None:
        """Nothing."""

    @contextmanager
    def task(self, label: str, total: int, *, in_bytes: bool = True) -> Iterator[Advance]:
        """Nothing."""
        yield lambda _done: None
