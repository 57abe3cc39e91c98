"""How many more requests than were asked may be sent to the upstreams."""

from __future__ import annotations

from typing import Final

from cloud_gateway.upstreams.sliding_sum import SlidingSum
from orchestrator.ports import Clock

WINDOW_S: Final = 10.0
FLOOR_PER_S: Final = 10.0
"""Always allowed: with few requests a share of them is nothing."""


class RetryBudget:
    """A share of the requests of the last ten seconds, and ten a second besides.

    When everything fails, each request that is tried again makes it worse. The budget is Finagle's: every request puts
    a share of a token in, every retry takes one out, and what is not used within the window is lost.
    """

    __slots__ = ("_share", "_tokens")

    def __init__(self, clock: Clock, share: float) -> None:
        """`share` is 0.2 for at most a fifth more."""
        self._share = share
        self._tokens = SlidingSum(clock, WINDOW_S)

    def deposit(self) -> None:
        """A request has come."""
        self._tokens.add(self._share)

    def withdraw(self) -> bool:
        """Whether one more may be sent; if so, it is counted."""
        if self._share == 0 or self._tokens.total + FLOOR_PER_S * WINDOW_S < 1:
            return False
        self._tokens.add(-1)
        return True
