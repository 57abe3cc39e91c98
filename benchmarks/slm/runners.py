"""The contestants' processes of one part of the course: all open at once, one of them at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from benchmarks.slm.contestant import Entry
from benchmarks.slm.worker import ContestantFailed, Worker

Fail = Callable[[Entry, ContestantFailed], None]


class Runners:
    """Opens a worker for each entry. One that fails is told to `fail` and gives None from then on."""

    def __init__(self, entries: Sequence[Entry], role: Callable[..., Any], fail: Fail) -> None:
        self._entries = entries
        self._role = role
        self._fail = fail
        self._workers: dict[str, Worker] = {}
        self._open = ExitStack()

    def call(self, entry: Entry, name: str, *arguments: Any) -> Any:
        """What `entry` makes of it; None where it failed at this or before."""
        if entry.key not in self._workers:
            return None
        try:
            return self._workers[entry.key].call(name, *arguments)
        except ContestantFailed as error:
            del self._workers[entry.key]
            self._fail(entry, error)
            return None

    def __enter__(self) -> Self:
        for entry in self._entries:
            try:
                self._workers[entry.key] = self._open.enter_context(Worker(entry, self._role))
            except ContestantFailed as error:
                self._fail(entry, error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
