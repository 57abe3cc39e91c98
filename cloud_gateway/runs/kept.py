"""Finished answers, for callers who repeat an id or lost the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cloud_gateway.runs.run import Id, Run
from cloud_gateway.sections.replay import ReplaySection
from orchestrator.ports import Clock

_OVERHEAD_BYTES: Final = 1024
"""Of one answer in memory, beside its text: its names, its receipt, its places in tables."""


class Kept:
    """Bounded in time, in number and in bytes; the oldest go first."""

    def __init__(self, section: ReplaySection, clock: Clock) -> None:
        self._section = section
        self._clock = clock
        self._answers: dict[Id, _Kept] = {}  # in the order of their finishing
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def size_bytes(self) -> int:
        """Of all together."""
        return self._bytes

    def configure(self, section: ReplaySection) -> None:
        """Keep what finishes from now on within other bounds."""
        self._section = section

    def get(self, key: Id) -> Run | None:
        """The finished answer with this id, where there still is one."""
        self._forget_old()
        kept = self._answers.get(key)
        return kept.run if kept else None

    def put(self, key: Id, run: Run) -> None:
        """Keep a finished answer."""
        self._forget(key)
        kept = _Kept(run, self._clock.monotonic() + self._section.keep_s, _OVERHEAD_BYTES + run.text.size_bytes)
        self._answers[key] = kept
        self._bytes += kept.size_bytes
        while len(self._answers) > self._section.keep_answers or self._bytes > self._section.keep_bytes:
            self._forget(next(iter(self._answers)))

    def _forget_old(self) -> None:
        now_s = self._clock.monotonic()
        while self._answers and self._answers[key := next(iter(self._answers))].until_s <= now_s:
            self._forget(key)

    def _forget(self, key: Id) -> None:
        if kept := self._answers.pop(key, None):
            self._bytes -= kept.size_bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    run: Run
    until_s: float
    size_bytes: int
