"""How long answers take: a running mean for each model, from what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SHARE: Final = 0.1
"""Of a new measurement in a mean, once there are ten. Before that they all weigh the same."""


@dataclass(slots=True)
class Mean:
    """An exponentially weighted mean that begins as the plain one."""

    value: float = 0.0
    count: int = 0

    def add(self, measured: float) -> None:
        """Take a measurement in."""
        self.count += 1
        self.value += (measured - self.value) * max(_SHARE, 1 / self.count)


class Pace:
    """Of one model, for streams or for whole answers."""

    def __init__(self) -> None:
        self._first_s = Mean()
        self._token_s = Mean()
        self._tokens = Mean()

    @property
    def known(self) -> bool:
        """Whether any answer was measured."""
        return self._tokens.count > 0

    def tokens(self, most: int) -> float:
        """How many tokens an answer of at most `most` is expected to have; `most` itself as long as none was seen."""
        return min(most, self._tokens.value) if self.known else float(most)

    def seconds(self, most: int) -> float:
        """How long an answer of at most `most` tokens is expected to take; 0 as long as none was seen."""
        if not self.known:
            return 0.0
        return self._first_s.value + self._token_s.value * min(most, self._tokens.value)

    def add(self, *, first_s: float, total_s: float, tokens: int) -> None:
        """Learn from an answer: seconds to its first token and to its end, and how many tokens it had."""
        self._first_s.add(first_s)
        self._tokens.add(tokens)
        if tokens:
            self._token_s.add((total_s - first_s) / tokens)
