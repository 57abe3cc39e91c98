"""Dates in questions, read from Monday 23 November 2026."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.when import window

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "first", "days"),
    [
        ("What's on today?", "2026-11-23", 1),
        ("anything tonight", "2026-11-23", 1),
        ("Tomorrow?", "2026-11-24", 1),
        ("the day after tomorrow", "2026-11-25", 1),
        ("what did I do yesterday", "2026-11-22", 1),
        ("on Friday", "2026-11-27", 1),
        ("this Monday", "2026-11-23", 1),
        ("last Monday", "2026-11-16", 1),
        ("last Friday", "2026-11-20", 1),
        ("next Tuesday", "2026-12-01", 1),
        ("this week", "2026-11-23", 7),
        ("next week", "2026-11-30", 7),
        ("last week", "2026-11-16", 7),
        ("the weekend", "2026-11-28", 2),
        ("this month", "2026-11-01", 30),
        ("next month", "2026-12-01", 31),
        ("What is on Tuesday in three weeks?", "2026-12-15", 1),
        ("in 3 weeks", "2026-12-14", 7),
        ("in two days", "2026-11-25", 1),
        ("in two months", "2027-01-01", 31),
        ("in 10 years", "2036-01-01", 366),
        ("who wrote a week ago", "2026-11-16", 7),
        ("two months ago", "2026-09-01", 30),
        ("in December", "2026-12-01", 31),
        ("in February", "2027-02-01", 28),
        ("in May 2028", "2028-05-01", 31),
        ("on 24 November", "2026-11-24", 1),
        ("on the 3rd of January", "2027-01-03", 1),
        ("January 3rd, 2026", "2026-01-03", 1),
        ("on the 27th", "2026-11-27", 1),
        ("on the 5th", "2026-12-05", 1),
        ("on 2026-12-24", "2026-12-24", 1),
    ],
)
def test_phrases(text: str, first: str, days: int) -> None:
    found = window(text, NOW)
    assert found is not None
    assert found.start == datetime.combine(date.fromisoformat(first), datetime.min.time(), NOW.tzinfo)
    assert (found.end.date() - found.start.date()).days == days
    assert found.phrase in text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "May I ask you something?",
        "march on",
        "second to none",
        "on the 99th",
        "How many seconds are in a day?",
        "999 years ago",
        "2026-13-45",
        "30 February",
        "0001-01-01",
        "9999-12-31",
        "in May 0000",
        "in December 9999",
        "1 January 9999",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert window(text, NOW) is None


@given(
    now=st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
    text=st.sampled_from(["on sunday", "next month", "last month", "on the 31st", "on 29 february", "in january"]),
)
def test_every_day_has_an_answer_or_none(now: datetime, text: str) -> None:
    found = window(text, now.replace(tzinfo=UTC))
    assert found is None or found.start < found.end
