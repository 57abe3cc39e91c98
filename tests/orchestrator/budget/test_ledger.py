"""What the ledger says and refuses. What its stores keep is in test_ledger_stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.budget import Ledger, MemoryLedgerStore, Resource, Window
from orchestrator.errors import BudgetExhausted, ConfigError, InvalidRequest
from orchestrator.testing import ManualClock
from orchestrator.types import Spend

HOUR = Window("hourly energy", Resource.DEVICE_JOULES, 600, 3600)
DAY = Window("daily money", Resource.USD, 0.5, 86_400)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))


@pytest.fixture
def ledger(clock: ManualClock) -> Ledger:
    return Ledger(MemoryLedgerStore(), [HOUR, DAY], clock)


def test_a_refusal_names_the_window_what_is_left_and_when_it_opens_again(ledger: Ledger) -> None:
    ledger.reserve(Spend(device_joules=590), ttl_s=60)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.reserve(Spend(device_joules=25), ttl_s=60)
    assert refused.value.message == (
        "the budget window 'hourly energy' has 10.0 J left of 600.0 J, and this question may need 25.0 J"
    )
    assert refused.value.remedy == "it opens again at 2026-01-05 10:00:00 UTC"
    assert refused.value.reopens_at == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_waiting_does_not_help_what_no_period_can_hold(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted) as refused:
        ledger.reserve(Spend(usd=0.6), ttl_s=60)
    assert refused.value.remedy == (
        "a whole period of it holds only 0.5000 USD: ask for a shorter answer or raise the limit"
    )


def test_a_refused_reservation_holds_nothing_anywhere(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted, match="daily money"):
        ledger.reserve(Spend(device_joules=100, usd=1.0), ttl_s=60)
    assert [state.reserved for state in ledger.state()] == [0, 0]


def test_state_shows_each_window_in_its_present_period(ledger: Ledger, clock: ManualClock) -> None:
    spent = ledger.reserve(Spend(device_joules=200, usd=0.25), ttl_s=60)
    ledger.settle(spent, Spend(device_joules=150, usd=0.125))
    ledger.reserve(Spend(device_joules=50), ttl_s=60)
    hour, day = ledger.state()
    assert (hour.window, hour.spent, hour.reserved, hour.left) == (HOUR, 150, 50, 400)
    assert (day.window, day.spent, day.reserved, day.left) == (DAY, 0.125, 0, 0.375)
    assert hour.reopens_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert day.reopens_at == datetime(2026, 1, 6, tzinfo=UTC)
    clock.advance(3600)
    hour, day = ledger.state()
    assert (hour.spent, hour.left, day.spent) == (0, 600, 0.125)


def test_what_runs_over_the_end_of_a_period_counts_where_it_began(ledger: Ledger, clock: ManualClock) -> None:
    reservation = ledger.reserve(Spend(device_joules=500), ttl_s=7200)
    clock.advance(1800)
    ledger.settle(reservation, Spend(device_joules=400))
    assert ledger.state()[0].spent == 0
    clock.advance(-1)
    assert ledger.state()[0].spent == 400


def test_the_truth_may_exceed_the_limit_and_shuts_the_window(ledger: Ledger) -> None:
    reservation = ledger.reserve(Spend(device_joules=100), ttl_s=60)
    ledger.settle(reservation, Spend(device_joules=900))
    hour = ledger.state()[0]
    assert (hour.spent, hour.left) == (900, 0)
    with pytest.raises(BudgetExhausted, match=r"has 0\.0 J left"):
        ledger.reserve(Spend(device_joules=1), ttl_s=60)


def test_a_shut_window_stops_only_what_it_limits(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(Spend(usd=0.5), ttl_s=60), Spend(usd=0.75))
    assert ledger.reserve(Spend(device_joules=10), ttl_s=60).amount == Spend(device_joules=10)


def test_without_windows_everything_fits(clock: ManualClock) -> None:
    ledger = Ledger(MemoryLedgerStore(), [], clock)
    ledger.settle(ledger.reserve(Spend(usd=1e9), ttl_s=60), Spend(usd=1e9))
    assert ledger.state() == []


def test_a_reservation_expires_after_its_time(ledger: Ledger, clock: ManualClock) -> None:
    reservation = ledger.reserve(Spend(device_joules=600), ttl_s=60)
    assert reservation.expires_at == clock.now() + timedelta(seconds=60)
    clock.advance(59)
    assert ledger.state()[0].reserved == 600
    clock.advance(1)
    assert ledger.reserve(Spend(device_joules=600), ttl_s=60)


def test_an_endless_time_to_live_is_a_year(ledger: Ledger, clock: ManualClock) -> None:
    assert ledger.reserve(Spend(device_joules=1), ttl_s=1e18).expires_at == clock.now() + timedelta(days=366)


@pytest.mark.parametrize("joules", [-1.0, float("nan")])
def test_an_amount_that_is_none_is_refused(ledger: Ledger, joules: float) -> None:
    with pytest.raises(InvalidRequest, match="device_joules"):
        ledger.reserve(Spend(device_joules=joules), ttl_s=60)


@pytest.mark.parametrize("joules", [-1.0, float("nan"), float("inf")])
def test_of_what_a_meter_cannot_tell_the_worst_case_counts(ledger: Ledger, joules: float) -> None:
    reservation = ledger.reserve(Spend(device_joules=100, usd=0.2), ttl_s=60)
    ledger.settle(reservation, Spend(device_joules=joules, usd=0.125))
    hour, day = ledger.state()
    assert (hour.spent, day.spent) == (100, 0.125)


def test_a_share_says_what_it_is_a_share_of(clock: ManualClock) -> None:
    ledger = Ledger(MemoryLedgerStore(), [Window("leaving", Resource.CLOUD_SHARE, 0.3, 86_400)], clock)
    for _ in range(3):
        ledger.settle(ledger.reserve(Spend(questions=1), ttl_s=60), Spend(questions=1))
    leaving = Spend(cloud_requests=1, questions=1)
    called_off = ledger.reserve(leaving, ttl_s=60)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.reserve(leaving, ttl_s=60)
    assert refused.value.message == (
        "the budget window 'leaving' lets 30 % of the questions leave, and has 1 cloud request among 4 questions"
    )
    assert refused.value.reopens_at == datetime(2026, 1, 6, tzinfo=UTC)
    ledger.refund(called_off)
    ledger.settle(ledger.reserve(leaving, ttl_s=60), leaving)
    state = ledger.state()[0]
    assert (state.spent, state.questions, state.left) == (1, 4, 0)


def test_an_unbounded_worst_case_fits_no_window(ledger: Ledger) -> None:
    with pytest.raises(BudgetExhausted, match="hourly energy"):
        ledger.reserve(Spend(device_joules=float("inf")), ttl_s=60)


def test_two_windows_need_two_names(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="'hourly energy'"):
        Ledger(MemoryLedgerStore(), [HOUR, HOUR], clock)
