"""Windows and their periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budget import Resource, Window, seconds_in
from orchestrator.errors import ConfigError
from orchestrator.types import Spend

MONDAY_S = 4 * 86_400
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, st.integers(1, 604_800))
def test_a_moment_lies_in_its_period(moment: datetime, period_s: int) -> None:
    period = Window("any", Resource.USD, 1.0, period_s).at(moment)
    assert period.start_s <= moment.timestamp() < period.start_s + period_s
    assert (period.start_s - MONDAY_S) % period_s == 0
    assert moment < period.ends <= moment + timedelta(seconds=period_s)


def test_a_day_begins_at_midnight_utc_wherever_the_clock_is() -> None:
    day = Window("money", Resource.USD, 0.5, 86_400)
    tokyo = datetime(2026, 1, 5, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert day.at(tokyo).ends == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_week_begins_on_monday() -> None:
    week = Window("money", Resource.USD, 0.5, 604_800)
    assert week.at(datetime(2026, 1, 7, tzinfo=UTC)).ends == datetime(2026, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stretch", "seconds"),
    [("minute", 60), ("1 hour", 3600), ("90 minutes", 5400), ("2 days", 172_800), ("1 week", 604_800)],
)
def test_a_stretch_of_time_is_said_in_words(stretch: str, seconds: int) -> None:
    assert seconds_in(stretch) == seconds


@pytest.mark.parametrize("stretch", ["", "days", "0 days", "-1 day", "1.5 hours", "month", "999999999 weeks"])
def test_words_that_are_no_stretch_of_time(stretch: str) -> None:
    with pytest.raises(ValueError, match="a stretch of time"):
        seconds_in(stretch)


SHARES = st.decimals(0, 1, places=2).map(float)


@given(SHARES, st.integers(0, 100), st.integers(0, 100))
def test_what_is_left_of_a_share_is_what_has_room(share: float, left: int, home: int) -> None:
    """One after another; and a share means what was written: 0.29 of 100 are 29."""
    window = Window("leaving", Resource.CLOUD_SHARE, share, 3600)
    asked = Spend(cloud_requests=1, questions=1)
    taken = {Resource.CLOUD_SHARE: float(left), Resource.QUESTIONS: float(left + home)}
    count = min(window.left(taken), 3)
    for _ in range(int(count)):
        assert window.has_room(asked, taken)
        taken = {resource: amount + 1 for resource, amount in taken.items()}
        assert taken[Resource.CLOUD_SHARE] * 100 <= round(share * 100) * taken[Resource.QUESTIONS]
    assert count == 3 or not window.has_room(asked, taken)


def test_the_first_questions_stay_until_the_share_has_room() -> None:
    window = Window("leaving", Resource.CLOUD_SHARE, 0.3, 3600)
    asked = Spend(cloud_requests=1, questions=1)
    room = [window.has_room(asked, {Resource.CLOUD_SHARE: 0.0, Resource.QUESTIONS: home}) for home in range(5)]
    assert room == [False, False, False, True, True]


def test_a_share_is_no_percentage() -> None:
    with pytest.raises(ConfigError, match="share of 0 to 1") as refused:
        Window("leaving", Resource.CLOUD_SHARE, 30, 3600)
    assert refused.value.remedy == "write 30 % as 0.3"


def test_resources_are_fields_of_a_spend() -> None:
    spend = Spend(device_joules=1.5, usd=0.25, cloud_requests=2, questions=1)
    assert [resource.of(spend) for resource in Resource] == [1.5, 0.25, 2.0, 2.0, 1.0]


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
