"""Spending against each budget window: the present period, and those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Resource, WindowState

PERIODS: Final = 24
"""How many periods are looked at, the present one included."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One window."""

    state: WindowState
    begins: datetime
    """When its present period began, timezone-aware."""
    periods: tuple[float, ...]
    """What was spent in each of the latest periods, the present one last. Of a share: the share that left."""

    @property
    def used(self) -> float:
        """Of the limit, what is spent in the present period: 0 to 1 and, where the truth was more, beyond."""
        return self._of_limit(self.periods[-1])

    @property
    def reserved(self) -> float:
        """Of the limit, what is held."""
        if self.state.window.resource is Resource.CLOUD_SHARE:
            return self._of_limit(self.state.reserved / max(1, self.state.questions))
        return self._of_limit(self.state.reserved)

    def elapsed(self, now: datetime) -> float:
        """Of the present period, 0 to 1."""
        return min(1.0, max(0.0, (now - self.begins).total_seconds() / self.state.window.period_s))

    def _of_limit(self, amount: float) -> float:
        limit = self.state.window.limit
        return amount / limit if limit > 0 else float(amount > 0)


def spending(store: SqliteLedgerStore, states: Sequence[WindowState]) -> list[Spending]:
    """Of each window.

    Args:
        store: of the ledger's rows.
        states: the windows as they stand.
    """
    return [_of_window(store, state) for state in states]


def _of_window(store: SqliteLedgerStore, state: WindowState) -> Spending:
    window = state.window
    begins = state.reopens_at - timedelta(seconds=window.period_s)
    starts = [int(begins.timestamp()) - n * window.period_s for n in reversed(range(PERIODS))]
    period = window.at(datetime.fromtimestamp(starts[-1], UTC))
    spent, *whole = (store.spent_since(account, starts[0]) for account in period.accounts)
    amounts = [spent.get(start_s, 0.0) for start_s in starts]
    for questions in whole:
        amounts = [
            amount / questions[start_s] if questions.get(start_s) else 0.0
            for amount, start_s in zip(amounts, starts, strict=True)
        ]
    return Spending(state, begins, tuple(amounts))
