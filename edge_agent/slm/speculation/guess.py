"""A guess at how a sequence goes on, and how it fared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.slm.speculation.pace import Pace


@dataclass(frozen=True, slots=True)
class Guess:
    """Tokens that may come at place `at` of a sequence, with the level of each."""

    at: int
    tokens: list[int]
    levels: list[int]

    def tell(self, pace: Pace, came: Sequence[int]) -> None:
        """Let `pace` learn from what came instead, as far as it has come.

        Args:
            came: the whole sequence by now.
        """
        known = min(len(self.tokens), len(came) - self.at)
        if known <= 0:
            return
        right = next((i for i in range(known) if self.tokens[i] != came[self.at + i]), known)
        pace.observe(self.levels[: min(right + 1, known)], right)
