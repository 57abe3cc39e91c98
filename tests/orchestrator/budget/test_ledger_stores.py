"""Every ledger store against a plain model: random streams of events never break law 2.

Amounts are multiples of a quarter, so that sums are exact and equality means equality.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, MemoryLedgerStore, Period, Reservation, Resource, Window
from orchestrator.errors import BudgetExhausted
from orchestrator.ports import LedgerStore
from orchestrator.testing import ManualClock
from orchestrator.types import Spend

MINUTE = Window("energy a minute", Resource.DEVICE_JOULES, 20, 60)
HOUR = Window("energy an hour", Resource.DEVICE_JOULES, 50, 3600)
MONEY = Window("money an hour", Resource.USD, 4, 3600)
REQUESTS = Window("requests an hour", Resource.CLOUD_REQUESTS, 5, 3600)
SHARE = Window("share an hour", Resource.CLOUD_SHARE, 0.3, 3600)

QUARTERS = st.integers(0, 48).map(lambda quarters: quarters / 4)
SPENDS = st.builds(Spend, device_joules=QUARTERS, usd=QUARTERS.map(lambda x: x / 8), cloud_requests=st.integers(0, 2))


@dataclass
class Held:
    """What the model knows of a reservation."""

    reservation: Reservation
    open: bool = True
    expired: bool = False


class StoreMachine(RuleBasedStateMachine):
    """Reserve, settle, refund, wait, jump and change limits at random; a dictionary knows what must come out."""

    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.windows = [MINUTE, HOUR, MONEY, REQUESTS]
        self.store = self.open_store()
        self.held: dict[str, Held] = {}
        self.spent: dict[Period, float] = {}

    def open_store(self) -> LedgerStore:
        raise NotImplementedError

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.windows, self.clock)

    @rule(target=reservations, amount=SPENDS, ttl_s=st.integers(1, 120))
    def reserve(self, amount: Spend, ttl_s: int) -> str | None:
        self.expire()
        now = self.clock.now()
        wanted = {window.at(now): window.resource.of(amount) for window in self.windows}
        full = [p.window.name for p, x in wanted.items() if x > 0 and self.taken(p) + x > p.window.limit]
        if full:
            with pytest.raises(BudgetExhausted, match="|".join(full)):
                self.ledger.reserve(amount, ttl_s=ttl_s)
            return None
        reservation = self.ledger.reserve(amount, ttl_s=ttl_s)
        self.held[reservation.id] = Held(reservation)
        return reservation.id

    @rule(name=reservations, actual=SPENDS)
    def settle(self, name: str | None, actual: Spend) -> None:
        if name is not None:
            self.ledger.settle(self.held[name].reservation, actual)
            self.close(self.held[name], actual)

    @rule(name=reservations)
    def refund(self, name: str | None) -> None:
        if name is not None:
            self.ledger.refund(self.held[name].reservation)
            self.close(self.held[name], Spend())

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.integers(1, 5000))
    def jump_back(self, seconds: int) -> None:
        self.clock.set_wall(self.clock.now() - timedelta(seconds=seconds))

    @rule(limit=st.integers(0, 60))
    def change_a_limit(self, limit: int) -> None:
        self.windows[1] = replace(HOUR, limit=limit)

    @invariant()
    def the_books_agree(self) -> None:
        self.expire()
        now = self.clock.now()
        for state in self.ledger.state():
            period = state.window.at(now)
            assert state.spent == self.spent.get(unlimited(period), 0)
            assert state.reserved == self.reserved(period)

    def close(self, held: Held, actual: Spend) -> None:
        if held.open:
            held.open = False
            for period in held.reservation.periods:
                key = unlimited(period)
                self.spent[key] = self.spent.get(key, 0) + period.window.resource.of(actual)

    def expire(self) -> None:
        for held in self.held.values():
            held.expired = held.expired or held.reservation.expires_at <= self.clock.now()

    def reserved(self, period: Period) -> float:
        return sum(
            period.window.resource.of(held.reservation.amount)
            for held in self.held.values()
            if held.open and not held.expired and unlimited(period) in map(unlimited, held.reservation.periods)
        )

    def taken(self, period: Period) -> float:
        return self.spent.get(unlimited(period), 0) + self.reserved(period)


def unlimited(period: Period) -> Period:
    """The period whatever its window's limit is at the moment."""
    return replace(period, window=replace(period.window, limit=0))


class MemoryMachine(StoreMachine):
    def open_store(self) -> LedgerStore:
        return MemoryLedgerStore()


class SqliteMachine(StoreMachine):
    def open_store(self) -> LedgerStore:
        self.folder = TemporaryDirectory()
        self.sqlite = SqliteLedgerStore.open(Path(self.folder.name) / "ledger.db")
        return self.sqlite

    @rule()
    def reopen(self) -> None:
        self.sqlite.close()
        self.sqlite = SqliteLedgerStore.open(Path(self.folder.name) / "ledger.db")
        self.store = self.sqlite

    def teardown(self) -> None:
        self.sqlite.close()
        self.folder.cleanup()


TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSqliteStore = SqliteMachine.TestCase
TestSqliteStore.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], LedgerStore]:
    if request.param == "memory":
        return MemoryLedgerStore

    def sqlite() -> LedgerStore:
        store = SqliteLedgerStore.open(tmp_path / "ledger.db")
        request.addfinalizer(store.close)
        return store

    return sqlite


def test_settling_twice_counts_once(make_store: Callable[[], LedgerStore]) -> None:
    ledger = Ledger(make_store(), [HOUR], ManualClock())
    reservation = ledger.reserve(Spend(device_joules=10), ttl_s=60)
    ledger.settle(reservation, Spend(device_joules=8))
    ledger.settle(reservation, Spend(device_joules=8))
    ledger.refund(reservation)
    assert ledger.state()[0].spent == 8


def test_settling_after_a_refund_changes_nothing(make_store: Callable[[], LedgerStore]) -> None:
    ledger = Ledger(make_store(), [HOUR], ManualClock())
    reservation = ledger.reserve(Spend(device_joules=10), ttl_s=60)
    ledger.refund(reservation)
    ledger.settle(reservation, Spend(device_joules=8))
    assert (ledger.state()[0].spent, ledger.state()[0].reserved) == (0, 0)


def test_settling_after_expiry_records_the_truth_once(make_store: Callable[[], LedgerStore]) -> None:
    clock = ManualClock()
    ledger = Ledger(make_store(), [HOUR], clock)
    reservation = ledger.reserve(Spend(device_joules=10), ttl_s=60)
    clock.advance(61)
    assert ledger.state()[0].reserved == 0
    ledger.settle(reservation, Spend(device_joules=8))
    ledger.settle(reservation, Spend(device_joules=8))
    assert (ledger.state()[0].spent, ledger.state()[0].reserved) == (8, 0)


def test_a_clock_that_jumps_back_finds_the_old_books_and_holds_longer(make_store: Callable[[], LedgerStore]) -> None:
    clock = ManualClock()
    ledger = Ledger(make_store(), [HOUR], clock)
    ledger.settle(ledger.reserve(Spend(device_joules=50), ttl_s=60), Spend(device_joules=50))
    clock.advance(3600)
    late = ledger.reserve(Spend(device_joules=30), ttl_s=60)
    clock.set_wall(clock.now() - timedelta(hours=1))
    with pytest.raises(BudgetExhausted):  # the hour that was full is full again, not new
        ledger.reserve(Spend(device_joules=1), ttl_s=60)
    ledger.settle(late, Spend(device_joules=30))
    assert ledger.state()[0].spent == 50
    clock.advance(3600)
    assert ledger.state()[0].spent == 30


def test_a_limit_changed_while_reservations_are_open_holds_at_once(make_store: Callable[[], LedgerStore]) -> None:
    store, clock = make_store(), ManualClock()
    Ledger(store, [HOUR], clock).reserve(Spend(device_joules=40), ttl_s=60)
    lowered = Ledger(store, [replace(HOUR, limit=41)], clock)
    assert lowered.reserve(Spend(device_joules=1), ttl_s=60)
    with pytest.raises(BudgetExhausted, match=r"has 0\.0 J left of 41\.0 J"):
        lowered.reserve(Spend(device_joules=1), ttl_s=60)


def test_a_window_of_another_length_counts_from_zero(make_store: Callable[[], LedgerStore]) -> None:
    store, clock = make_store(), ManualClock()
    Ledger(store, [HOUR], clock).reserve(Spend(device_joules=50), ttl_s=60)
    longer = Ledger(store, [replace(HOUR, period_s=7200)], clock)
    assert longer.state()[0].left == 50


def test_a_burst_of_threads_never_exceeds_a_window(make_store: Callable[[], LedgerStore]) -> None:
    clock = ManualClock(datetime.fromisoformat("2026-01-05T09:00:00+00:00"))
    ledger = Ledger(make_store(), [HOUR], clock)
    start = threading.Barrier(16)
    held: list[Reservation] = []

    def burst() -> None:
        start.wait()
        for _ in range(10):
            try:
                held.append(ledger.reserve(Spend(device_joules=0.75), ttl_s=60))
            except BudgetExhausted:
                return

    threads = [threading.Thread(target=burst) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 66  # the most that 50 J hold
    assert ledger.state()[0].reserved == 49.5
