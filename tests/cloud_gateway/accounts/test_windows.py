"""Stretches of the clock and the calendar, and amounts in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.accounts.windows import Limit, Resource, Window, windows_of
from orchestrator.accounts import Owner, Stretch

MOMENTS = st.integers(0, 2**33).map(lambda second: datetime.fromtimestamp(second, UTC))
LONGEST = {
    Stretch.MINUTE: timedelta(minutes=1),
    Stretch.HOUR: timedelta(hours=1),
    Stretch.DAY: timedelta(days=1),
    Stretch.MONTH: timedelta(days=31),
}


@given(MOMENTS, st.sampled_from(Stretch))
def test_a_page_holds_its_moment_and_the_next_one_begins_where_it_ends(moment: datetime, stretch: Stretch) -> None:
    window = Window(Owner.KEY, "phone", stretch, (None, None, None))
    page = window.at(moment.timestamp())
    assert page.begins_s <= moment.timestamp() < page.ends_s
    assert window.at(page.begins_s) == page
    assert window.at(page.ends_s).begins_s == page.ends_s
    assert page.ends_s - page.begins_s <= LONGEST[stretch].total_seconds()


@pytest.mark.parametrize(
    ("moment", "first", "after"),
    [("2026-02-11", "2026-02-01", "2026-03-01"), ("2026-12-31T23:59:59", "2026-12-01", "2027-01-01")],
)
def test_a_month_is_one_of_the_calendar(moment: str, first: str, after: str) -> None:
    def at(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    page = Window(Owner.TENANT, "acme", Stretch.MONTH, (None, None, None)).at(at(moment))
    assert (page.begins_s, page.ends_s) == (at(first), at(after))


def test_days_and_months_are_counted_without_a_limit_and_the_lower_of_two_limits_counts() -> None:
    assert [window.stretch for window in windows_of(Owner.KEY, "a", ())] == [Stretch.DAY, Stretch.MONTH]
    limits = [Limit(Resource.TOKENS, Stretch.MINUTE, most) for most in (9, 7, 8)]
    assert windows_of(Owner.KEY, "a", limits)[0] == Window(Owner.KEY, "a", Stretch.MINUTE, (None, 7, None))


@pytest.mark.parametrize(
    ("resource", "value", "words"),
    [
        (Resource.REQUESTS, 1, "1 request"),
        (Resource.TOKENS, 1200, "1,200 tokens"),
        (Resource.NANO_USD, 12_500_000, "0.0125 USD"),
        (Resource.NANO_USD, 3 * 10**12, "3,000 USD"),
        (Resource.NANO_USD, 0, "0 USD"),
        (Resource.NANO_USD, 1, "0.000000001 USD"),
    ],
)
def test_amounts_in_words(resource: Resource, value: int, words: str) -> None:
    assert resource.in_words(value) == words
