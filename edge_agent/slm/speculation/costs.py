"""What a pass over several tokens costs on this machine."""

from __future__ import annotations

from collections import deque
from statistics import median

_REMEMBERED = 15
_SLOPE = 0.25
"""What each further token adds, in passes over one, until it has been seen. Between .1 and .3 where it was measured."""


class PassCosts:
    """The time of a decode pass by its width, learned from the passes that happen anyway.

    A pass streams all weights once, whatever its width, and computes for each token: t(w) = t(1) + (w - 1) * slope.
    Both are medians of the latest passes, so that one that was held up counts for nothing, and a longer cache or a
    warmer processor is soon noticed.
    """

    def __init__(self) -> None:
        self._ones: deque[float] = deque(maxlen=_REMEMBERED)
        self._slopes: deque[float] = deque(maxlen=_REMEMBERED)
        self._one_s = 0.0
        self._slope = _SLOPE

    def observe(self, width: int, elapsed_s: float) -> None:
        """A decode pass over `width` tokens took `elapsed_s`."""
        if width == 1:
            self._ones.append(elapsed_s)
            self._one_s = median(self._ones)
        elif self._one_s > 0.0:
            self._slopes.append(max(0.0, elapsed_s / self._one_s - 1.0) / (width - 1))
            self._slope = median(self._slopes)

    def relative(self, width: int) -> float:
        """t(width) / t(1)."""
        return 1.0 + (width - 1) * self._slope

    def of_one(self, other: PassCosts) -> float:
        """t(1) of another model, in t(1) of this one; 0 while either is not known."""
        return other._one_s / self._one_s if self._one_s > 0.0 else 0.0
