"""Budgets: deadlines for one question, windows over time, and the ledger that enforces them before spending."""

from orchestrator.budget.deadline import Deadline
from orchestrator.budget.in_memory import MemoryLedgerStore
from orchestrator.budget.ledger import Ledger, Reservation, WindowState
from orchestrator.budget.window import Period, Resource, Window
from orchestrator.types import Budget, Spend

__all__ = [
    "Budget",
    "Deadline",
    "Ledger",
    "MemoryLedgerStore",
    "Period",
    "Reservation",
    "Resource",
    "Spend",
    "Window",
    "WindowState",
]
