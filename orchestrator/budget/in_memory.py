"""The ledger's rows in memory: one process, any number of threads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.budget.pacing import Demand, Pace
from orchestrator.budget.window import Account, Period, Window
from orchestrator.types import Spend


@dataclass(slots=True)
class _Held:
    amounts: dict[Account, float]
    expires_at: datetime
    expired: bool = False


class MemoryLedgerStore:
    """A `LedgerStore` that is gone with its process: for tests, simulations and short-lived tools."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._spent: dict[Account, float] = defaultdict(float)
        self._demand: dict[Account, dict[tuple[int, int], float]] = defaultdict(lambda: defaultdict(float))
        self._paces: dict[Account, Pace] = {}

    def reserve(
        self,
        reservation_id: str,
        worst: Spend,
        periods: Sequence[Period],
        *,
        expires_at: datetime,
        demand: Sequence[Demand] = (),
    ) -> Window | None:
        """Hold `worst` in every period or in none; see `LedgerStore`."""
        with self._lock:
            for period in periods:
                taken = {account.resource: sum(self._totals(account)) for account in period.accounts}
                if not period.window.has_room(worst, taken):
                    return period.window
            amounts = {a: p.window.held(a.resource, worst) for p in periods for a in p.accounts}
            self._held[reservation_id] = _Held(amounts, expires_at)
            for wanted in demand:
                self._demand[wanted.account][wanted.slice, wanted.level] += wanted.amount
            return None

    def settle(self, reservation_id: str, actual: Spend) -> None:
        """Replace a reservation by what was spent, once; see `LedgerStore`."""
        with self._lock:
            held = self._held.pop(reservation_id, None)
            for account in held.amounts if held else ():
                self._spent[account] += account.resource.of(actual)

    def expire(self, now: datetime) -> None:
        """Free what dead holders left; a late settlement of one still counts."""
        with self._lock:
            for held in self._held.values():
                held.expired = held.expired or held.expires_at <= now

    def totals(self, account: Account) -> tuple[float, float]:
        """Spent and reserved."""
        with self._lock:
            return self._totals(account)

    def demand(self, account: Account) -> Mapping[tuple[int, int], float]:
        """What was bid in the account's period, by slice and level."""
        with self._lock:
            return dict(self._demand[account])

    def pace(self, account: Account) -> tuple[int, Pace] | None:
        """The pace of the account's period or of the latest one before, and when that began; see `LedgerStore`."""
        with self._lock:
            begun = [own for own in self._paces if _same_window(own, account) and own.start_s <= account.start_s]
            latest = max(begun, key=lambda own: own.start_s, default=None)
            return None if latest is None else (latest.start_s, self._paces[latest])

    def begin(self, account: Account, pace: Pace) -> None:
        """Keep what a period starts with, unless it has begun."""
        with self._lock:
            self._paces.setdefault(account, pace)

    def _totals(self, account: Account) -> tuple[float, float]:
        """Few reservations are ever open at once, and their sum leaves no rounding behind."""
        held = (held.amounts.get(account, 0.0) for held in self._held.values() if not held.expired)
        return self._spent[account], sum(held)


def _same_window(one: Account, other: Account) -> bool:
    return (one.window, one.resource, one.period_s) == (other.window, other.resource, other.period_s)
