"""Records as sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_agent.context.wording import sentence
from orchestrator.types import Record

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN)
DENTIST = Record(
    kind="event",
    title="Dentist",
    people=("Dr. Weber",),
    time=datetime(2026, 11, 24, 9, 30, tzinfo=BERLIN),
    place="Lindenstraße 4",
)


def test_an_event_tells_when_what_who_and_where() -> None:
    told = "Dentist with Dr. Weber is on Tuesday 24 November 2026 at 09:30, at Lindenstraße 4."
    assert sentence(DENTIST, NOW) == told
    assert sentence(replace(DENTIST, body="Bring the card."), NOW) == f"{told} Bring the card."


@pytest.mark.parametrize(("days", "named"), [(3, "tomorrow"), (4, "today"), (5, "yesterday")])
def test_near_days_are_named(days: int, named: str) -> None:
    assert f"is {named}, Tuesday 24 November 2026 at 09:30" in sentence(DENTIST, NOW + timedelta(days=days))


def test_an_all_day_event_has_no_hour_and_several_days_have_two_ends() -> None:
    start = datetime(2026, 12, 18, tzinfo=BERLIN)
    one = Record(kind="event", title="Last day of school", time=start, end=start + timedelta(days=1))
    assert sentence(one, NOW) == "Last day of school is on Friday 18 December 2026."
    several = replace(one, title="Holidays", end=start + timedelta(days=9))
    assert sentence(several, NOW) == "Holidays is from Friday 18 December 2026 to Saturday 26 December 2026."


def test_who_is_in_the_title_is_not_told_again() -> None:
    dinner = replace(DENTIST, title="Dinner with Priya", people=("Priya Nair", "Felix Sommer"), place="")
    assert sentence(dinner, NOW).startswith("Dinner with Priya with Felix Sommer is on")


def test_other_kinds() -> None:
    mail = Record(kind="mail", title="Water", body="It is off.", people=("Mr Krüger", "Nora"), time=DENTIST.time)
    assert sentence(mail, NOW) == 'Mail from Mr Krüger on Tuesday 24 November 2026 at 09:30, "Water": It is off.'
    chat = Record(kind="chat", title="Family", body="Parked\nnear the pharmacy.", people=("Tobi",))
    assert sentence(chat, NOW) == "Tobi wrote: Parked near the pharmacy."
    contact = Record(kind="contact", title="Dr. Weber", body="Dentist.\nPhone number: 030 23125 204.")
    assert sentence(contact, NOW) == "Dr. Weber: Dentist. Phone number: 030 23125 204."
    assert sentence(Record(kind="note", title="Keys", body="With Hilde."), NOW) == "Note Keys: With Hilde."
    assert sentence(Record(kind="note", body="Dentist at 9:30"), NOW) == "Note: Dentist at 9:30"


def test_a_long_record_is_cut_at_a_word() -> None:
    told = sentence(Record(kind="note", title="Long", body="word " * 1000), NOW)
    assert len(told) <= 482
    assert told.endswith("word …")


def test_a_cancelled_event_is_never_told_as_one_that_will_be() -> None:
    cancelled = replace(DENTIST, body="Cancelled.\nCall for another day.")
    told = "Dentist with Dr. Weber on Tuesday 24 November 2026 at 09:30, at Lindenstraße 4 is cancelled."
    assert sentence(cancelled, NOW) == f"{told} Call for another day."


def test_a_turn_of_a_conversation_is_told_by_the_user_and_names_its_day_if_that_is_over() -> None:
    said = Record(kind="said", body="My sister moved.", time=NOW)
    assert sentence(said, NOW) == 'I told you: "My sister moved."'
    assert sentence(replace(said, kind="asked"), NOW) == 'I asked you: "My sister moved."'
    later = sentence(replace(said, kind="answered"), NOW + timedelta(days=3))
    assert later == 'You told me on Friday 20 November 2026 at 12:00: "My sister moved."'
