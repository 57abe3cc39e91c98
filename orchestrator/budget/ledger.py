"""The ledger: what may be spent is reserved before it is spent (law 2).

A reservation holds the worst case in every window that limits it, in one atomic step; settling replaces it by what was
really spent. No reservation ever takes a window beyond its limit. Only the truth can: a model that used more than its
own worst case is recorded as it was, and the window stays shut until its period ends.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from orchestrator.budget.pacing import PACED, Bid, Demand, Pace, first_price
from orchestrator.budget.window import Period, Resource, Window
from orchestrator.errors import BudgetExhausted, ConfigError, InvalidRequest
from orchestrator.ports import Clock, LedgerStore
from orchestrator.types import Spend

_LONGEST_TTL_S: Final = 366 * 86_400.0
_NO_BIDS: Final[Mapping[Resource, Sequence[Bid]]] = MappingProxyType({})


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
    questions: int = 0
    """Of a share: the questions that it is a share of, so far."""
    reopens_at: datetime
    """The end of the present period, timezone-aware."""
    price: float = 1.0
    """How many times its configured price spending costs now: see `pacing`."""

    @property
    def left(self) -> float:
        """What can still be reserved; zero where the truth went beyond the limit. Of a share: the questions that could
        leave from now on if all did."""
        taken = {self.window.resource: self.spent + self.reserved, Resource.QUESTIONS: float(self.questions)}
        return self.window.left(taken)


class Ledger:
    """Reserve, settle and refund within any number of windows.

    The rows are in `store`, which other threads and processes may share; the ledger itself keeps no state.
    """

    def __init__(self, store: LedgerStore, windows: Sequence[Window], clock: Clock, *, pacing: bool = True) -> None:
        """A ledger over `windows`, which need names of their own.

        Args:
            store: of the rows.
            windows: what limits spending.
            clock: its wall clock says which period it is.
            pacing: whether a window's price rises while it is spent faster than planned.

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
        self._pacing = pacing

    def reserve(self, amount: Spend, *, ttl_s: float, bids: Mapping[Resource, Sequence[Bid]] = _NO_BIDS) -> Reservation:
        """Hold `amount` in every window, or in none.

        A window whose resource `amount` does not touch never refuses: money that has run out stops no local answer.

        Args:
            amount: the worst case.
            ttl_s: seconds after which the holder counts as dead and its reservation expires. Longer than any run; a
                year at most.
            bids: what the question would spend at which price, for the pace of later periods.

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
        demand = [
            Demand.of(bid, period.account, now)
            for period in filter(self._is_paced, periods)
            for bid in bids.get(period.window.resource, ())
        ]
        full = self._store.reserve(reservation.id, amount, periods, expires_at=reservation.expires_at, demand=demand)
        if full is not None:
            raise self._refusal(full, amount, now)
        for period in filter(self._is_paced, periods):
            self._begin(period)
        return reservation

    def settle(self, reservation: Reservation, actual: Spend) -> None:
        """Replace the reservation by what was spent, even where that is more than was reserved.

        The first settlement counts: again, or after a refund, nothing changes. A reservation that has expired
        meanwhile is settled all the same, because the truth was spent. Where a meter or a bill gives no number, what
        was reserved counts: nothing is free because nobody knows it.
        """
        self._store.settle(reservation.id, _believable(actual, reservation.amount))

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
        spent, reserved = self._store.totals(period.account)
        state = WindowState(window=window, spent=spent, reserved=reserved, reopens_at=period.ends)
        for account in period.accounts[1:]:
            state = replace(state, questions=int(sum(self._store.totals(account))))
        return replace(state, price=self._price(state, period, now)) if self._is_paced(period) else state

    def _is_paced(self, period: Period) -> bool:
        return self._pacing and period.window.resource in PACED

    def _price(self, state: WindowState, period: Period, now: datetime) -> float:
        limit, taken = period.window.limit, state.spent + state.reserved
        elapsed = (now.timestamp() - period.start_s) / period.window.period_s
        used = taken / limit if limit > 0 else 1.0
        pace = self._pace(period)
        return pace.price_at(elapsed, used) if pace.learnt else first_price(self._demand(period), elapsed, used)

    def _demand(self, period: Period) -> dict[tuple[int, int], float]:
        """What was bid in a period, as shares of its window's limit; nothing where that is zero."""
        limit = period.window.limit
        return {key: bid / limit for key, bid in self._store.demand(period.account).items()} if limit > 0 else {}

    def _pace(self, period: Period) -> Pace:
        """What the period began with; of one that has not begun, what it would begin with now."""
        known = self._store.pace(period.account)
        if known is None:
            return Pace()
        start_s, pace = known
        return pace if start_s == period.start_s else pace.after(self._demand(replace(period, start_s=start_s)))

    def _begin(self, period: Period) -> None:
        """Keep what the period starts with: the first reservation in it does so, the first process wins."""
        known = self._store.pace(period.account)
        if known is None or known[0] != period.start_s:
            self._store.begin(period.account, self._pace(period))

    def _refusal(self, window: Window, amount: Spend, now: datetime) -> BudgetExhausted:
        state = self._state(window, now)
        wanted = window.resource.of(amount)
        say = window.resource.in_words
        opens = f"it opens again at {state.reopens_at:%Y-%m-%d %H:%M:%S} UTC"
        if window.resource is Resource.CLOUD_SHARE:
            asked = say(state.spent + state.reserved)
            message = f"lets {window.limit_in_words} leave, and has {asked} among {state.questions} questions"
            remedy = f"it has room again when more questions were answered on the device; {opens} with new counts"
        else:
            message = f"has {say(state.left)} left of {say(window.limit)}, and this question may need {say(wanted)}"
            remedy = opens
        if wanted > window.limit and window.resource is not Resource.CLOUD_SHARE:
            remedy = f"a whole period of it holds only {say(window.limit)}: ask for a shorter answer or raise the limit"
        return BudgetExhausted(
            f"the budget window {window.name!r} {message}", remedy=remedy, reopens_at=state.reopens_at
        )


def _check(amount: Spend) -> None:
    for resource in Resource:
        value = resource.of(amount)
        if math.isnan(value) or value < 0:
            raise InvalidRequest(f"{resource} of a spend must be zero or more, not {value}")


def _believable(actual: Spend, worst: Spend) -> Spend:
    """`actual`, with the worst case in place of what is no amount."""
    doubtful = {
        field.name: getattr(worst, field.name)
        for field in fields(Spend)
        if not 0 <= getattr(actual, field.name) < math.inf
    }
    return replace(actual, **doubtful)
