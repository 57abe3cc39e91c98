"""How long a model takes to its first token, measured as it goes."""

from __future__ import annotations

import itertools
import math
from typing import Final

_SHORTEST_S: Final = 0.001
_GROWTH: Final = 1.1
"""From one bucket to the next: a quantile is told to 5 %."""
_BUCKETS: Final = 136
"""The last one begins at six minutes."""
_LOG_GROWTH: Final = math.log(_GROWTH)
_FEWEST: Final = 50
_HALVED_AT: Final = 2000
"""Then every count is halved: the past weighs less, and an afternoon's load is seen in the afternoon."""


class FirstTokenTimes:
    """A histogram with buckets that grow by a factor, as of DDSketch (Masson, Rim and Lee, 2019), which forgets."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """One more answer began after `seconds`."""
        bucket = math.ceil(math.log(seconds / _SHORTEST_S) / _LOG_GROWTH) if seconds > _SHORTEST_S else 0
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self._total += 1
        if self._total >= _HALVED_AT:
            self._counts = [count / 2 for count in self._counts]
            self._total /= 2

    def quantile(self, share: float) -> float | None:
        """The seconds within which `share` of the answers began; None while too few are known."""
        if self._total < _FEWEST:
            return None
        within = itertools.accumulate(self._counts)
        bucket = next(place for place, count in enumerate(within) if count >= share * self._total)
        return float(_SHORTEST_S * _GROWTH ** (bucket - 0.5))
