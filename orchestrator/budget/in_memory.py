"""The ledger's rows in memory: one process, any number of threads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.budget.window import Period, Window
from orchestrator.types import Spend


@dataclass(slots=True)
class _Held:
    amount: Spend
    periods: tuple[Period, ...]
    expires_at: datetime
    expired: bool = False


class MemoryLedgerStore:
    """A `LedgerStore` that is gone with its process: for tests, simulations and short-lived tools."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._spent: dict[tuple[str, str, int, int], float] = defaultdict(float)

    def reserve(
        self, reservation_id: str, amount: Spend, periods: Sequence[Period], *, expires_at: datetime
    ) -> Window | None:
        """Hold `amount` in every period or in none; see `LedgerStore`."""
        with self._lock:
            for period in periods:
                wanted = period.window.resource.of(amount)
                taken = self._spent[period.key] + self._reserved(period)
                if wanted > 0 and taken + wanted > period.window.limit:
                    return period.window
            self._held[reservation_id] = _Held(amount, tuple(periods), expires_at)
            return None

    def settle(self, reservation_id: str, actual: Spend) -> None:
        """Replace a reservation by what was spent, once; see `LedgerStore`."""
        with self._lock:
            held = self._held.pop(reservation_id, None)
            for period in held.periods if held else ():
                self._spent[period.key] += period.window.resource.of(actual)

    def expire(self, now: datetime) -> None:
        """Free what dead holders left; a late settlement of one still counts."""
        with self._lock:
            for held in self._held.values():
                held.expired = held.expired or held.expires_at <= now

    def totals(self, period: Period) -> tuple[float, float]:
        """Spent and reserved in `period`, in the window's own unit."""
        with self._lock:
            return self._spent[period.key], self._reserved(period)

    def _reserved(self, period: Period) -> float:
        """The sum of live reservations. Few are ever open at once, and a sum leaves no rounding behind."""
        return sum(
            period.window.resource.of(held.amount)
            for held in self._held.values()
            if not held.expired and any(its.key == period.key for its in held.periods)
        )
