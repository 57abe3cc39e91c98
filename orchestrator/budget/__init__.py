"""Budgets: deadlines for one question, windows over time, and the ledger that enforces them before spending."""

from orchestrator.budget.deadline import Deadline
from orchestrator.budget.floor import BatteryFloor, Below, PowerState
from orchestrator.budget.headroom import Headroom, Room
from orchestrator.budget.in_memory import MemoryLedgerStore
from orchestrator.budget.ledger import Ledger, Reservation, WindowState
from orchestrator.budget.pacing import Pace
from orchestrator.budget.window import Account, Period, Resource, Window, seconds_in
from orchestrator.types import Budget, Spend

__all__ = [
    "Account",
    "BatteryFloor",
    "Below",
    "Budget",
    "Deadline",
    "Headroom",
    "Ledger",
    "MemoryLedgerStore",
    "Pace",
    "Period",
    "PowerState",
    "Reservation",
    "Resource",
    "Room",
    "Spend",
    "Window",
    "WindowState",
    "seconds_in",
]
