"""A deadline: one monotonic instant that is asked for the time remaining."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.ports import Clock


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on `clock`'s monotonic scale, in seconds. It travels end to end and is never recomputed.

    Wall-clock time plays no part: a clock that jumps moves no deadline.
    """

    clock: Clock
    at_s: float

    @classmethod
    def after(cls, clock: Clock, milliseconds: float | None) -> Deadline:
        """The deadline `milliseconds` from now; None means never."""
        return cls(clock, math.inf if milliseconds is None else clock.monotonic() + milliseconds / 1000)

    @property
    def remaining_s(self) -> float:
        """Seconds left; zero once it has passed, infinity where there is none."""
        return max(0.0, self.at_s - self.clock.monotonic())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s == 0.0

    def sooner(self, other: Deadline) -> Deadline:
        """Whichever of the two comes first."""
        return self if self.at_s <= other.at_s else other
