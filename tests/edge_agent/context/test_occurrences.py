"""Events that repeat: found at each of their times, told as the one that is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.occurrences import Series, times
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.wording import sentence
from orchestrator.types import Record

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 9, 1, 19, 30, tzinfo=BERLIN)
WEEKLY = "DTSTART;TZID=Europe/Berlin:20260901T193000\nRRULE:FREQ=WEEKLY;BYDAY=TU"
CHOIR = Item(Record(kind="event", title="Choir", time=START, end=START + timedelta(hours=2)), "choir", WEEKLY)


def walls(recurrence: str, now: datetime, start: datetime = START) -> list[str]:
    found = times(Series(1, recurrence, start.isoformat(), (start + timedelta(hours=2)).isoformat()), now)
    assert all(end - begin == 7200 for begin, end in found)
    return [f"{datetime.fromtimestamp(begin, BERLIN):%Y-%m-%d %H:%M}" for begin, _ in found]


def fill(store: SqliteContextStore, now: datetime, *items: Item) -> None:
    store.put(items)
    while store.spread_repetitions(now):
        pass


def test_the_clock_goes_on_showing_the_same_when_it_is_put_back(monday: datetime) -> None:
    found = walls(WEEKLY, monday)
    assert found[0] == "2026-09-01 19:30"
    assert {"2026-10-20 19:30", "2026-10-27 19:30", "2028-12-26 19:30"} <= set(found)
    assert all(day.endswith("19:30") for day in found)
    assert max(found) < "2029"


def test_times_are_left_out_and_added(monday: datetime) -> None:
    rule = "\nRRULE:FREQ=WEEKLY;UNTIL=20260922T235959\nRDATE:20260924T200000\nEXDATE:20260908T193000"
    found = walls(f"DTSTART;TZID=Europe/Berlin:20260901T193000{rule}", monday)
    assert found == ["2026-09-01 19:30", "2026-09-15 19:30", "2026-09-22 19:30", "2026-09-24 20:00"]


def test_an_old_series_is_told_from_two_years_back_to_two_years_ahead(monday: datetime) -> None:
    daily = "DTSTART;TZID=Europe/Berlin:19990101T080000\nRRULE:FREQ=DAILY"
    found = walls(daily, monday, datetime(1999, 1, 1, 8, tzinfo=BERLIN))
    assert (found[0], found[-1]) == ("2024-01-01 08:00", "2028-12-31 08:00")


@pytest.mark.parametrize(
    "recurrence",
    [
        "FREQ=WEEKLY",
        "DTSTART:20260901T193000\nRRULE:FREQ=SECONDLY",
        "DTSTART:20260901T193000\nRRULE:FREQ=NEVER",
        "DTSTART;TZID=Moon/Base:20260901T193000\nRRULE:FREQ=DAILY",
        "DTSTART;TZID=../../etc:20260901T193000\nRRULE:FREQ=DAILY",
        "DTSTART:20260901T193000\nRRULE:FREQ=DAILY;INTERVAL=x",
    ],
)
def test_what_cannot_be_read_has_no_times(recurrence: str, monday: datetime) -> None:
    assert walls(recurrence, monday) == []


@given(st.text(), st.sampled_from(["", "DTSTART:20260901T193000\n", "DTSTART:20260901T193000\nRRULE:FREQ=DAILY;"]))
def test_no_text_breaks_it(rest: str, head: str) -> None:
    walls(head + rest, START)


def test_a_question_finds_the_occurrence_that_it_asks_for(store: SqliteContextStore, monday: datetime) -> None:
    fill(store, monday, CHOIR, Item(Record(kind="event", title="Dentist", time=monday + timedelta(days=1)), "d"))
    (hit,) = store.recall("What is on 15 December 2026?", limit=3, now=monday)
    assert hit.record.time == datetime(2026, 12, 15, 19, 30, tzinfo=BERLIN)
    assert hit.record.end == datetime(2026, 12, 15, 21, 30, tzinfo=BERLIN)
    assert sentence(hit.record, monday).startswith("Choir is on Tuesday 15 December 2026 at 19:30")
    assert not store.recall("What do I have on 16 December 2026?", limit=3, now=monday)
    tomorrow = store.recall("What do I have tomorrow?", limit=3, now=monday)
    assert {hit.record.title for hit in tomorrow} == {"Choir", "Dentist"}


def test_without_a_day_it_is_the_next_one_or_else_the_last(store: SqliteContextStore, monday: datetime) -> None:
    fill(store, monday, CHOIR)
    (hit,) = store.recall("When is choir?", limit=3, now=monday)
    assert hit.record.time == datetime(2026, 11, 24, 19, 30, tzinfo=BERLIN)
    over = replace(CHOIR, recurrence=WEEKLY + ";UNTIL=20261006T235959")
    fill(store, monday, over)
    (hit,) = store.recall("When was choir?", limit=3, now=monday)
    assert hit.record.time == datetime(2026, 10, 6, 19, 30, tzinfo=BERLIN)


@pytest.mark.plain_file
def test_a_later_one_that_is_cancelled_does_not_stand_before_the_next(
    store: SqliteContextStore, monday: datetime
) -> None:
    off = Record(kind="event", title="Choir", body="Cancelled.", time=datetime(2026, 12, 22, 19, 30, tzinfo=BERLIN))
    fill(store, monday, CHOIR, Item(off, "off"))
    first = store.recall("When is choir?", limit=3, now=monday)[0]
    assert first.record.time == datetime(2026, 11, 24, 19, 30, tzinfo=BERLIN)


def test_occurrences_change_and_go_with_their_record(store: SqliteContextStore, monday: datetime) -> None:
    fill(store, monday, CHOIR)
    fill(store, monday, replace(CHOIR, recurrence=WEEKLY.replace("TU", "WE")))
    assert not store.recall("What is on 15 December 2026?", limit=3, now=monday)
    (hit,) = store.recall("What is on 16 December 2026?", limit=3, now=monday)
    assert hit.record.id is not None
    store.forget(hit.record.id)
    assert not _rows(store)


@pytest.mark.plain_file
def test_what_changes_while_it_is_spread_is_spread_again(
    store: SqliteContextStore, monday: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times_meanwhile(series: Series, now: datetime) -> object:
        monkeypatch.undo()
        store.put([replace(CHOIR, recurrence=WEEKLY.replace("TU", "WE"))])
        return times(series, now)

    monkeypatch.setattr("edge_agent.context.occurrences.times", times_meanwhile)
    fill(store, monday, CHOIR)
    days = {datetime.fromtimestamp(start, BERLIN).strftime("%A") for _, start, _ in _rows(store)}
    assert days == {"Wednesday"}


def test_a_year_later_the_horizon_has_moved(store: SqliteContextStore, monday: datetime) -> None:
    fill(store, monday, CHOIR)
    assert store.spread_repetitions(monday + timedelta(days=30)) == 0
    assert store.spread_repetitions(monday + timedelta(days=366)) == 1


@pytest.mark.plain_file
def test_an_exported_series_comes_back_with_its_times(store: SqliteContextStore, monday: datetime) -> None:
    from edge_agent.context.importers import import_paths

    fill(store, monday, CHOIR)
    before = _rows(store)
    file = store.path.with_name("export.jsonl")
    file.write_text("\n".join(store.export()))
    store.forget_all()
    import_paths(store, [file], now=monday)
    assert [row[1:] for row in _rows(store)] == [row[1:] for row in before]


def _rows(store: SqliteContextStore) -> list[tuple[int, int, int]]:
    return store.look(lambda connection: connection.execute("SELECT * FROM occurrences ORDER BY starts_at").fetchall())
