"""The price of spending: what it does within a period, and what a period starts with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, MemoryLedgerStore, Pace, Resource, Window
from orchestrator.budget.pacing import SLICES, Bid, Demand, first_price
from orchestrator.ports import LedgerStore
from orchestrator.testing import ManualClock
from orchestrator.types import Spend

MONEY = Window("money", Resource.USD, 1.0, 86_400)
PLANS = st.lists(st.floats(0.001, 1), min_size=SLICES, max_size=SLICES).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)
PACES = st.builds(Pace, st.floats(1, 100), PLANS, st.booleans())
SHARES = st.floats(0, 1)
DEMAND = st.dictionaries(st.tuples(st.integers(0, SLICES - 1), st.integers(0, 27)), st.floats(0, 2), max_size=8)


@given(PACES, SHARES, SHARES, st.floats(0, 0.2))
def test_the_price_rises_with_spending_and_falls_with_time(
    pace: Pace, elapsed: float, used: float, more: float
) -> None:
    price = pace.price_at(elapsed, used)
    assert 1 <= price <= 1e4
    assert pace.price_at(elapsed, used + more) >= price
    assert pace.price_at(min(1.0, elapsed + more), used) <= price * (1 + 1e-9)


def test_on_plan_the_price_is_the_one_that_the_period_started_with() -> None:
    pace = Pace(8.0, learnt=True)
    assert [pace.price_at(share, share) for share in (0.0, 0.25, 0.5, 0.75)] == pytest.approx([8.0] * 4)
    assert pace.price_at(0.5, 0.75) == pytest.approx(8.0 * 2**0.7)
    assert pace.price_at(1.0, 0.9) == 1.0, "what nobody can use later costs no more than ever"


@given(PACES, DEMAND)
@example(Pace(), {(0, 0): 5e-324})  # as little as a number can say
def test_a_start_is_always_a_price_and_a_plan(pace: Pace, demand: dict[tuple[int, int], float]) -> None:
    after = pace.after(demand)
    assert 1 <= after.price <= 1e4 * 1.5
    assert sum(after.plan) == pytest.approx(1)
    assert all(part >= 0 for part in after.plan)


def test_the_next_start_is_the_price_at_which_the_sample_spends_the_limit() -> None:
    dear, fair, cheap = (Bid(price, 0.0).level for price in (50.0, 10.0, 2.0))
    after = Pace().after({(3, dear): 0.5, (9, fair): 1.0, (15, cheap): 5.0})
    assert 2.0 < after.price < 50.0
    assert after.plan[3] == pytest.approx(after.plan[9])
    assert after.plan[3] > 10 * after.plan[15]


def test_a_sample_that_spends_less_than_the_limit_has_the_configured_price() -> None:
    assert Pace().after({(3, 12): 0.4}).price == 1.0
    assert Pace(9.0, learnt=True).after({(3, 12): 0.4}).price == pytest.approx(3.0), "half the way, in logarithms"


def test_a_period_without_questions_teaches_nothing() -> None:
    assert Pace(5.0, learnt=True).after({}) == Pace(5.0, learnt=True)


def test_a_bid_lies_in_the_slice_of_its_moment() -> None:
    account = MONEY.at(datetime(2026, 1, 5, tzinfo=UTC)).account
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    bid = Bid(math.inf, 2.0)
    assert Demand.of(bid, account, noon) == Demand(account, 12, bid.level, 2.0)
    assert [Demand.of(bid, account, noon + timedelta(days=days)).slice for days in (-1, 1)] == [0, SLICES - 1]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerStore]:
    if request.param == "memory":
        yield MemoryLedgerStore()
        return
    with SqliteLedgerStore.open(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_fresh_period_starts_warm_and_so_it_stays_over_a_restart(store: LedgerStore) -> None:
    clock = ManualClock(datetime(2026, 1, 5, 9, tzinfo=UTC))
    ledger = Ledger(store, [MONEY], clock)
    bids = {Resource.USD: [Bid(40.0, 0.5), Bid(3.0, 4.0)]}
    ledger.settle(ledger.reserve(Spend(usd=0.5), ttl_s=60, bids=bids), Spend(usd=0.5))
    cold = ledger.state()[0].price
    clock.set_wall(datetime(2026, 1, 6, tzinfo=UTC))
    warm = ledger.state()[0].price
    assert cold > 1
    assert warm > 3
    ledger.refund(ledger.reserve(Spend(usd=0.1), ttl_s=60))
    assert Ledger(store, [MONEY], clock).state()[0].price == warm
    clock.set_wall(datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert ledger.state()[0].price == pytest.approx(cold), "a clock set back finds the old pace"


def test_a_refund_brings_the_price_back(store: LedgerStore) -> None:
    ledger, _ = second_day(store)
    before = ledger.state()[0].price
    held = ledger.reserve(Spend(usd=0.9), ttl_s=60)
    assert ledger.state()[0].price > 2 * before
    ledger.refund(held)
    assert ledger.state()[0].price == before


def test_a_limit_changed_in_mid_period_moves_the_price_at_once(store: LedgerStore) -> None:
    ledger, clock = second_day(store)
    ledger.reserve(Spend(usd=0.4), ttl_s=60)
    prices = [
        Ledger(store, [Window("money", Resource.USD, limit, 86_400)], clock).state()[0].price
        for limit in (2.0, 1.0, 0.5, 0.0)
    ]
    assert prices == sorted(prices)
    assert prices[0] < prices[1] < prices[2] < prices[3]


def second_day(store: LedgerStore) -> tuple[Ledger, ManualClock]:
    """Noon of a day whose eve had bids for five times the limit."""
    clock = ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
    ledger = Ledger(store, [MONEY], clock)
    bids = {Resource.USD: [Bid(40.0, 0.5), Bid(3.0, 4.5)]}
    ledger.refund(ledger.reserve(Spend(usd=0.5), ttl_s=60, bids=bids))
    clock.advance(86_400)
    ledger.refund(ledger.reserve(Spend(), ttl_s=60))
    return ledger, clock


@given(DEMAND, SHARES, SHARES)
def test_the_first_price_rises_with_what_is_used(
    demand: dict[tuple[int, int], float], elapsed: float, used: float
) -> None:
    price = first_price(demand, elapsed, used)
    assert 1 <= price <= first_price(demand, elapsed, min(1.0, used + 0.1)) * (1 + 1e-9) <= 1.1e4


def test_on_the_first_day_the_rest_is_taken_to_be_like_what_came() -> None:
    level = Bid(10.0, 0.0).level
    assert first_price({}, 0.5, 0.9) == 1.0
    assert first_price({(0, level): 0.1}, 0.5, 0.1) == 1.0, "a tenth in half a day leaves plenty"
    assert first_price({(0, level): 0.6}, 0.5, 0.6) > 8.0
    assert first_price({(11, level): 0.1}, 0.5, 0.1) > 8.0, "a tenth within an hour does not"


def test_without_pacing_every_price_is_the_configured_one(store: LedgerStore) -> None:
    ledger = Ledger(store, [MONEY], ManualClock(), pacing=False)
    ledger.reserve(Spend(usd=1.0), ttl_s=60, bids={Resource.USD: [Bid(40.0, 0.5)]})
    assert ledger.state()[0].price == 1.0
    assert store.pace(MONEY.at(ManualClock().now()).account) is None
