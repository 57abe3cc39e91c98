"""Windows and their periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window
from orchestrator.errors import ConfigError
from orchestrator.types import Spend

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.integers(1, 604_800))
def test_a_moment_lies_in_its_period(moment: datetime, period_s: int) -> None:
    period = Window("any", Resource.USD, 1.0, period_s).at(moment)
    assert period.start_s <= moment.timestamp() < period.start_s + period_s
    assert period.start_s % period_s == 0
    assert moment < period.ends <= moment + timedelta(seconds=period_s)


def test_a_day_begins_at_midnight_utc_wherever_the_clock_is() -> None:
    day = Window("money", Resource.USD, 0.5, 86_400)
    tokyo = datetime(2026, 1, 5, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert day.at(tokyo).ends == datetime(2026, 1, 5, tzinfo=UTC)


def test_resources_are_fields_of_a_spend() -> None:
    spend = Spend(device_joules=1.5, usd=0.25, cloud_requests=2)
    assert [resource.of(spend) for resource in Resource] == [1.5, 0.25, 2.0]


def test_amounts_are_said_with_their_unit() -> None:
    assert Resource.DEVICE_JOULES.in_words(1234.56) == "1,234.6 J"
    assert Resource.USD.in_words(0.5) == "0.5000 USD"
    assert Resource.CLOUD_REQUESTS.in_words(3) == "3 cloud requests"


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_a_limit_that_limits_nothing_sensible_is_refused(limit: float) -> None:
    with pytest.raises(ConfigError, match=r"'money'.*limit"):
        Window("money", Resource.USD, limit, 3600)


@pytest.mark.parametrize("period_s", [-60, 0, 10**15])
def test_a_period_that_is_no_stretch_of_time_is_refused(period_s: int) -> None:
    with pytest.raises(ConfigError, match=r"'money'.*period"):
        Window("money", Resource.USD, 1.0, period_s)
