"""Calendars: zones, whole days, repetitions, labels, and what is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.importers.ics import read
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record, Sensitivity

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(path: Path, *events: str, head: str = "") -> Path:
    blocks = [f"BEGIN:VEVENT\r\n{event.strip()}\r\nEND:VEVENT" for event in events]
    text = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *([head] if head else []), *blocks, "END:VCALENDAR", ""])
    path.write_text(text, encoding="utf-8", newline="")
    return path


def entries(path: Path) -> list[Entry]:
    return list(read(path))


def one(path: Path, event: str, head: str = "") -> Item:
    (entry,) = entries(calendar(path, event, head=head))
    assert isinstance(entry, Item)
    return entry


def record(path: Path, event: str, head: str = "") -> Record:
    return one(path, event, head).record


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calendar.ics"


def test_an_event_with_everything(file: Path) -> None:
    item = one(
        file,
        "UID:1@x\r\nSUMMARY:Dentist\\, Dr. Weber\r\nDTSTART;TZID=Europe/Berlin:20261124T093000\r\n"
        "DTEND;TZID=Europe/Berlin:20261124T101500\r\nLOCATION:Lindenstraße 4\r\nDESCRIPTION:Bring\\nthe card\r\n"
        'ATTENDEE;CN="Dr. Weber":mailto:w@example.com\r\nATTENDEE:mailto:tobi@example.com',
    )
    found = item.record
    assert (found.kind, found.title, found.body) == ("event", "Dentist, Dr. Weber", "Bring\nthe card")
    assert found.people == ("Dr. Weber", "tobi@example.com")
    assert found.time == datetime(2026, 11, 24, 9, 30, tzinfo=BERLIN)
    assert found.end == datetime(2026, 11, 24, 10, 15, tzinfo=BERLIN)
    assert (found.place, found.source) == ("Lindenstraße 4", str(file))
    assert (item.key, item.recurrence) == ("ics:1@x", "")


def test_zones(file: Path) -> None:
    assert record(file, "UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T083000Z").time == datetime(
        2026, 11, 24, 8, 30, tzinfo=UTC
    )
    floating = "UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T093000"
    assert record(file, floating).time == datetime(2026, 11, 24, 9, 30).astimezone()
    assert record(file, floating, head="X-WR-TIMEZONE:Asia/Tokyo").time == datetime(
        2026, 11, 24, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo")
    )
    windows_name = "UID:1\r\nSUMMARY:x\r\nDTSTART;TZID=W. Europe Standard Time:20261124T093000"
    assert record(file, windows_name).time == datetime(2026, 11, 24, 9, 30, tzinfo=BERLIN)


def test_whole_days_and_durations(file: Path) -> None:
    day = record(file, "UID:1\r\nSUMMARY:x\r\nDTSTART;VALUE=DATE:20261218", head="X-WR-TIMEZONE:Europe/Berlin")
    assert day.time == datetime(2026, 12, 18, tzinfo=BERLIN)
    assert day.end == datetime(2026, 12, 19, tzinfo=BERLIN)
    lesson = record(file, "UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T083000Z\r\nDURATION:PT45M")
    assert lesson.time is not None
    assert lesson.end == lesson.time + timedelta(minutes=45)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20270629T140000Z", "Repeats every Tuesday, until 29 June 2027."),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "Repeats every 2 weeks on Monday and Thursday."),
        ("FREQ=MONTHLY;BYMONTHDAY=1;COUNT=12", "Repeats every month on day 1, 12 times."),
        ("FREQ=YEARLY", "Repeats every year."),
        ("FREQ=MONTHLY;BYDAY=2TU", "Repeats irregularly."),
        ("FREQ=HOURLY", "Repeats irregularly."),
    ],
)
def test_repetitions_are_kept_and_told(file: Path, rule: str, words: str) -> None:
    item = one(file, f"UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T083000Z\r\nRRULE:{rule}")
    start, told = item.recurrence.split("\n")
    assert start == "DTSTART;TZID=UTC:20261124T083000"
    assert sorted(told.removeprefix("RRULE:").split(";")) == sorted(rule.replace("T140000Z", "T140000").split(";"))
    assert item.record.body == words


@pytest.mark.parametrize(
    ("mark", "label"),
    [
        ("PRIVATE", Sensitivity.PRIVATE),
        ("CONFIDENTIAL", Sensitivity.PRIVATE),
        ("PUBLIC", Sensitivity.PERSONAL),
        ("X-OTHER", Sensitivity.PERSONAL),
    ],
)
def test_its_class_is_its_label(file: Path, mark: str, label: Sensitivity) -> None:
    assert record(file, f"UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T083000Z\r\nCLASS:{mark}").sensitivity is label


def test_a_cancelled_event_says_so_and_a_moved_occurrence_is_another_item(file: Path) -> None:
    cancelled = record(file, "UID:1\r\nSUMMARY:x\r\nDTSTART:20261124T083000Z\r\nSTATUS:CANCELLED")
    assert cancelled.body == "Cancelled."
    moved = one(file, "UID:1\r\nSUMMARY:x\r\nDTSTART:20261125T083000Z\r\nRECURRENCE-ID:20261124T083000Z")
    assert moved.key == "ics:1@20261124T083000Z"


CHOIR = "UID:c\r\nSUMMARY:Choir\r\nLOCATION:Town hall\r\nDTSTART;TZID=Europe/Berlin:20260901T193000\r\n"


def test_all_parts_of_a_repetition_are_told_in_the_time_of_its_zone(file: Path) -> None:
    item = one(
        file,
        f"{CHOIR}RRULE:FREQ=WEEKLY;UNTIL=20261231T183000Z\r\nEXDATE:20260908T173000Z,20260915T173000Z\r\n"
        "EXDATE;VALUE=DATE:20261027\r\nRDATE;VALUE=PERIOD:20260924T180000Z/PT1H",
    )
    assert item.recurrence.split("\n") == [
        "DTSTART;TZID=Europe/Berlin:20260901T193000",
        "RRULE:FREQ=WEEKLY;UNTIL=20261231T193000",
        "RDATE:20260924T200000",
        *("EXDATE:20260908T193000", "EXDATE:20260915T193000", "EXDATE:20261027T193000"),
    ]


def test_whole_days_and_days_by_themselves_repeat_too(file: Path) -> None:
    day = one(file, "UID:1\r\nSUMMARY:Hilde\r\nDTSTART;VALUE=DATE:19850602\r\nRRULE:FREQ=YEARLY;UNTIL=20300602")
    assert day.recurrence == "DTSTART:19850602T000000\nRRULE:FREQ=YEARLY;UNTIL=20300602T235959"
    dates = one(file, f"{CHOIR}RDATE;TZID=Europe/Berlin:20260903T193000")
    assert dates.recurrence.split("\n")[1:] == ["RDATE:20260901T193000", "RDATE:20260903T193000"]
    assert dates.record.body == "Repeats irregularly."


def test_a_zone_of_the_calendars_own_is_told_by_one_that_keeps_its_time(file: Path) -> None:
    rule = "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH"
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\n"
        f"TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n{rule}=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n"
        f"DTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n{rule}=3\r\nEND:DAYLIGHT\r\n"
        "END:VTIMEZONE"
    )
    item = one(file, f"{CHOIR.replace('Europe/Berlin', 'Customized Time Zone')}RRULE:FREQ=WEEKLY", head=zone)
    assert item.record.time == datetime(2026, 9, 1, 19, 30, tzinfo=BERLIN)
    name = item.recurrence.split(":")[0].removeprefix("DTSTART;TZID=")
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(365)]
    assert [day.astimezone(ZoneInfo(name)).utcoffset() for day in days] == [
        day.astimezone(BERLIN).utcoffset() for day in days
    ]


def test_moved_and_cancelled_occurrences_stand_in_place_of_those_of_the_series(file: Path) -> None:
    calendar(
        file,
        f"{CHOIR}DTEND;TZID=Europe/Berlin:20260901T213000\r\nRRULE:FREQ=WEEKLY",
        "UID:c\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261124T193000\r\n"
        "DTSTART;TZID=Europe/Berlin:20261125T200000\r\nDTEND;TZID=Europe/Berlin:20261125T220000",
        "UID:c\r\nRECURRENCE-ID:20261222T183000Z\r\nSTATUS:CANCELLED",
    )
    series, moved, cancelled = [entry for entry in entries(file) if isinstance(entry, Item)]
    assert series.recurrence.split("\n")[2:] == ["EXDATE:20261124T193000", "EXDATE:20261222T193000"]
    assert (moved.record.title, moved.record.place, moved.record.body) == ("Choir", "Town hall", "")
    assert moved.record.time == datetime(2026, 11, 25, 20, tzinfo=BERLIN)
    assert cancelled.record.body == "Cancelled."
    assert cancelled.record.time == datetime(2026, 12, 22, 19, 30, tzinfo=BERLIN)
    assert (moved.recurrence, cancelled.recurrence) == ("", "")


def test_an_event_without_a_uid_keeps_its_key(file: Path) -> None:
    event = "SUMMARY:x\r\nDTSTART:20261124T083000Z"
    assert one(file, event).key == one(file, event).key


GOOD = "UID:{0}\r\nSUMMARY:fine {0}\r\nDTSTART:20261124T083000Z"


@pytest.mark.parametrize(
    "broken",
    [
        "UID:b\r\nSUMMARY:secret words\r\nDTSTART:2026XX24T083000Z",
        "UID:b\r\nSUMMARY:secret words",
        "UID:b\r\nDTSTART:20261124T083000Z",
        "UID:b\r\nSUMMARY secret words\r\nDTSTART:20261124T083000Z",
    ],
)
def test_one_broken_event_is_skipped_and_the_rest_is_read(file: Path, broken: str) -> None:
    found = entries(calendar(file, GOOD.format(1), broken, GOOD.format(2)))
    assert [entry.record.title for entry in found if isinstance(entry, Item)] == ["fine 1", "fine 2"]
    (skipped,) = [entry for entry in found if isinstance(entry, Skipped)]
    assert "event 2" in skipped.source
    assert "secret" not in skipped.reason


@pytest.mark.parametrize("cut", [len("END:VCALENDAR\r\n"), 60])
def test_a_file_that_is_cut_off_gives_its_whole_events(file: Path, cut: int) -> None:
    calendar(file, *(GOOD.format(number) for number in range(3)))
    file.write_bytes(file.read_bytes()[:-cut])
    found = entries(file)
    assert any(isinstance(entry, Skipped) for entry in found)
    assert sum(isinstance(entry, Item) for entry in found) >= 2


def test_what_is_no_calendar_is_one_skipped_file(file: Path) -> None:
    file.write_text("dear diary")
    (entry,) = entries(file)
    assert isinstance(entry, Skipped)


def test_a_question_finds_the_occurrence_where_it_was_moved_to(store: SqliteContextStore, monday: datetime) -> None:
    file = calendar(
        store.path.with_name("calendar.ics"),
        f"{CHOIR}RRULE:FREQ=WEEKLY",
        "UID:c\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261124T193000\r\nDTSTART;TZID=Europe/Berlin:20261125T200000",
    )
    import_paths(store, [file], now=monday)
    assert not store.recall("What is on 24 November?", limit=3, now=monday)
    (moved,) = store.recall("What is on 25 November?", limit=3, now=monday)
    assert moved.record.time == datetime(2026, 11, 25, 20, tzinfo=BERLIN)
    (later,) = store.recall("What is on 1 December?", limit=3, now=monday)
    assert later.record.time == datetime(2026, 12, 1, 19, 30, tzinfo=BERLIN)
    calendar(file, f"{CHOIR}RRULE:FREQ=WEEKLY;UNTIL=20261126T000000Z")
    assert import_paths(store, [file], now=monday).removed == 1
    assert not store.recall("What is on 1 December?", limit=3, now=monday)
