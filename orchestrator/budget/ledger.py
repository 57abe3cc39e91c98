"""The ledger: what may be spent is reserved before it is spent (law 2).

A reservation holds the worst case in every window that limits it, in one atomic step; settling replaces it by what was
really spent. No reservation ever takes a window beyond its limit. Only the truth can: a model that used more than its
own worst case is recorded as it was, and the window stays shut until its period ends.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator.budget.window import Period, Resource, Window
from orchestrator.errors import BudgetExhausted, ConfigError, InvalidRequest
from orchestrator.ports import Clock, LedgerStore
from orchestrator.types import Spend

_LONGEST_TTL_S: Final = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """An amount that is held until it is settled, refunded or expired.

    It belongs to the periods of the moment it was made: settled after midnight, it still counts for the day before.
    """

    id: str
    amount: Spend
    periods: tuple[Period, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowState:
    """A window as it stands in its present period; amounts are in the unit of the window's resource."""

    window: Window
    spent: float
    reserved: float
    reopens_at: datetime
    """The end of the present period, timezone-aware."""

    @property
    def left(self) -> float:
        """What can still be reserved; zero where the truth went beyond the limit."""
        return max(0.0, self.window.limit - self.spent - self.reserved)


class Ledger:
    """Reserve, settle and refund within any number of windows.

    The rows are in `store`, which other threads and processes may share; the ledger itself keeps no state.
    """

    def __init__(self, store: LedgerStore, windows: Sequence[Window], clock: Clock) -> None:
        """A ledger over `windows`, which need names of their own.

        Raises:
            ConfigError: two windows have the same name.
        """
        names = [window.name for window in windows]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two budget windows are called {name!r}", remedy="give each window its own name")
        self._store = store
        self._windows = tuple(windows)
        self._clock = clock

    def reserve(self, amount: Spend, *, ttl_s: float) -> Reservation:
        """Hold `amount` in every window, or in none.

        A window whose resource `amount` does not touch never refuses: money that has run out stops no local answer.

        Args:
            amount: the worst case.
            ttl_s: seconds after which the holder counts as dead and its reservation expires. Longer than any run; a
                year at most.

        Raises:
            BudgetExhausted: a window has no room; names it, what is left, and when it opens again.
            InvalidRequest: an amount is negative or not a number.
        """
        _check(amount)
        now = self._clock.now()
        self._store.expire(now)
        periods = tuple(window.at(now) for window in self._windows)
        reservation = Reservation(
            uuid.uuid4().hex, amount, periods, now + timedelta(seconds=min(ttl_s, _LONGEST_TTL_S))
        )
        full = self._store.reserve(reservation.id, amount, periods, expires_at=reservation.expires_at)
        if full is not None:
            raise self._refusal(full, amount, now)
        return reservation

    def settle(self, reservation: Reservation, actual: Spend) -> None:
        """Replace the reservation by what was spent, even where that is more than was reserved.

        The first settlement counts: again, or after a refund, nothing changes. A reservation that has expired
        meanwhile is settled all the same, because the truth was spent.

        Raises:
            InvalidRequest: an amount is negative or not a number.
        """
        _check(actual)
        self._store.settle(reservation.id, actual)

    def refund(self, reservation: Reservation) -> None:
        """Give the reservation back: nothing was spent."""
        self._store.settle(reservation.id, Spend())

    def state(self) -> list[WindowState]:
        """Every window in its present period, in the order given."""
        now = self._clock.now()
        self._store.expire(now)
        return [self._state(window, now) for window in self._windows]

    def _state(self, window: Window, now: datetime) -> WindowState:
        period = window.at(now)
        spent, reserved = self._store.totals(period)
        return WindowState(window=window, spent=spent, reserved=reserved, reopens_at=period.ends)

    def _refusal(self, window: Window, amount: Spend, now: datetime) -> BudgetExhausted:
        state = self._state(window, now)
        wanted = window.resource.of(amount)
        say = window.resource.in_words
        if wanted > window.limit:
            remedy = f"a whole period of it holds only {say(window.limit)}: ask for a shorter answer or raise the limit"
        else:
            remedy = f"it opens again at {state.reopens_at:%Y-%m-%d %H:%M:%S} UTC"
        return BudgetExhausted(
            f"the budget window {window.name!r} has {say(state.left)} left of {say(window.limit)}, "
            f"and this question may need {say(wanted)}",
            remedy=remedy,
            reopens_at=state.reopens_at,
        )


def _check(amount: Spend) -> None:
    for resource in Resource:
        value = resource.of(amount)
        if math.isnan(value) or value < 0:
            raise InvalidRequest(f"{resource} of a spend must be zero or more, not {value}")
