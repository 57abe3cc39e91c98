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
from orchestrator.budget import Account, Ledger, MemoryLedgerStore, Period, Reservation, Resource, Window
from orchestrator.errors import BudgetExhausted
from orchestrator.ports import LedgerStore
from orchestrator.testing import ManualClock
from orchestrator.types import Spend

MINUTE = Window("energy a minute", Resource.DEVICE_JOULES, 20, 60)
HOUR = Window("energy an hour", Resource.DEVICE_JOULES, 50, 3600)
MONEY = Window("money an hour", Resource.USD, 4, 3600)
REQUESTS = Window("requests an hour", Resource.CLOUD_REQUESTS, 5, 3600)
SHARE = Window("share an hour", Resource.CLOUD_SHARE, 0.3, 3600)

WINDOWS = [MINUTE, HOUR, MONEY, REQUESTS, SHARE]

QUARTERS = st.integers(0, 48).map(lambda quarters: quarters / 4)
SPENDS = st.builds(
    Spend,
    device_joules=QUARTERS,
    usd=QUARTERS.map(lambda x: x / 8),
    cloud_requests=st.integers(0, 1),
    questions=st.integers(0, 1),
)
JUMPS = st.integers(1, 5000)


@dataclass
class Held:
    """What the model knows of a reservation."""

    reservation: Reservation
    accounts: frozenset[Account]
    open: bool = True
    expired: bool = False


class StoreMachine(RuleBasedStateMachine):
    """Reserve, settle, refund, wait, jump and change limits at random; a dictionary knows what must come out."""

    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.windows = list(WINDOWS)
        self.store = self.open_store()
        self.held: dict[str, Held] = {}
        self.spent: dict[Account, float] = {}
        self.beyond: set[Account] = set()
        """Accounts in which more was spent than reserved, or after the reservation had expired."""
        self.allowed: dict[Account, float] = {}
        """The highest limit under which something was reserved."""

    def open_store(self) -> LedgerStore:
        raise NotImplementedError

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.windows, self.clock)

    @rule(target=reservations, amount=SPENDS, ttl_s=st.integers(1, 120))
    def reserve(self, amount: Spend, ttl_s: int) -> str | None:
        self.expire()
        now = self.clock.now()
        full = [window.name for window in self.windows if not self.has_room(window.at(now), amount)]
        if full:
            with pytest.raises(BudgetExhausted, match="|".join(full)):
                self.ledger.reserve(amount, ttl_s=ttl_s)
            return None
        reservation = self.ledger.reserve(amount, ttl_s=ttl_s)
        accounts = frozenset(account for period in reservation.periods for account in period.accounts)
        self.held[reservation.id] = Held(reservation, accounts)
        for period in reservation.periods:
            if period.window.resource.of(amount):
                self.allowed[period.account] = max(self.allowed.get(period.account, 0), period.window.limit)
        return reservation.id

    @rule(name=reservations, spent=st.sampled_from([0.25, 0.5, 1.0]))
    def settle(self, name: str | None, spent: float) -> None:
        """Less than the worst case, as it should be."""
        if name is not None:
            worst = self.held[name].reservation.amount
            actual = replace(worst, device_joules=worst.device_joules * spent, usd=worst.usd * spent)
            self.ledger.settle(self.held[name].reservation, actual)
            self.close(self.held[name], actual)

    @rule(name=reservations, actual=SPENDS)
    def settle_anything(self, name: str | None, actual: Spend) -> None:
        if name is not None:
            held = self.held[name]
            if held.open:
                self.beyond.update(held.accounts)
            self.ledger.settle(held.reservation, actual)
            self.close(held, actual)

    @rule(name=reservations)
    def refund(self, name: str | None) -> None:
        if name is not None:
            self.ledger.refund(self.held[name].reservation)
            self.close(self.held[name], Spend())

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=JUMPS | JUMPS.map(lambda seconds: -seconds))
    def jump(self, seconds: int) -> None:
        self.clock.set_wall(self.clock.now() + timedelta(seconds=seconds))

    @rule(limit=st.integers(0, 60))
    def change_a_limit(self, limit: int) -> None:
        self.windows[1] = replace(HOUR, limit=limit)

    @rule(period_s=st.sampled_from([1800, 3600, 5400]))
    def change_a_length(self, period_s: int) -> None:
        self.windows[2] = replace(MONEY, period_s=period_s)

    @rule(there=st.booleans())
    def remove_or_bring_back(self, there: bool) -> None:
        """A window that is gone meanwhile limits nothing, and what was reserved under it is settled all the same."""
        self.windows[0] = MINUTE if there else replace(MINUTE, name="another")

    @invariant()
    def the_books_agree(self) -> None:
        self.expire()
        now = self.clock.now()
        for state in self.ledger.state():
            account = state.window.at(now).account
            assert state.spent == self.spent.get(account, 0)
            assert state.reserved == self.reserved(account)
            assert state.left >= 0
            assert 1 <= state.price <= 1e4

    @invariant()
    def no_window_is_exceeded(self) -> None:
        for account, limit in self.allowed.items():
            if account in self.beyond:
                continue
            if account.resource is Resource.CLOUD_SHARE:
                whole = self.spent.get(replace(account, resource=Resource.QUESTIONS), 0)
                assert self.spent.get(account, 0) * 10 <= whole * 3
            else:
                assert self.taken(account) <= limit

    def close(self, held: Held, actual: Spend) -> None:
        if held.open:
            held.open = False
            for account in held.accounts:
                if held.expired:
                    self.beyond.add(account)
                self.spent[account] = self.spent.get(account, 0) + account.resource.of(actual)

    def expire(self) -> None:
        for held in self.held.values():
            held.expired = held.expired or held.reservation.expires_at <= self.clock.now()

    def has_room(self, period: Period, amount: Spend) -> bool:
        window = period.window
        wanted = window.resource.of(amount)
        if not wanted:
            return True
        taken = self.taken(period.account) + wanted
        if window.resource is not Resource.CLOUD_SHARE:
            return taken <= window.limit
        return taken * 10 <= (self.taken(period.accounts[1]) + amount.questions) * 3

    def reserved(self, account: Account) -> float:
        live = [held for held in self.held.values() if held.open and not held.expired]
        held = [one.reservation.amount for one in live if account in one.accounts]
        if account.resource is Resource.QUESTIONS:
            return sum(amount.questions for amount in held if amount.cloud_requests)
        return sum(account.resource.of(amount) for amount in held)

    def taken(self, account: Account) -> float:
        return self.spent.get(account, 0) + self.reserved(account)


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
TestMemoryStore.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSqliteStore = SqliteMachine.TestCase
TestSqliteStore.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)


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
