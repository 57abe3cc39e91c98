"""A sum over the latest seconds."""

from __future__ import annotations

from typing import Final

from orchestrator.ports import Clock

_SLOTS: Final = 10


class SlidingSum:
    """What was added within the last `span_s` seconds, to a tenth of them. Bounded memory, constant time."""

    __slots__ = ("_clock", "_now", "_slot_s", "_slots", "_total")

    def __init__(self, clock: Clock, span_s: float) -> None:
        self._clock = clock
        self._slot_s = span_s / _SLOTS
        self._slots = [0.0] * _SLOTS
        self._total = 0.0
        self._now = 0

    def add(self, value: float) -> None:
        """Count `value` now."""
        self._move()
        self._slots[self._now % _SLOTS] += value
        self._total += value

    @property
    def total(self) -> float:
        """The sum."""
        self._move()
        return self._total

    def clear(self) -> None:
        """Forget everything."""
        self._slots = [0.0] * _SLOTS
        self._total = 0.0

    def _move(self) -> None:
        now = int(self._clock.monotonic() / self._slot_s)
        if now == self._now:
            return
        for slot in range(max(self._now + 1, now - _SLOTS + 1), now + 1):
            self._slots[slot % _SLOTS] = 0.0
        self._now = now
        self._total = sum(self._slots)  # afresh, so that no rounding stays
