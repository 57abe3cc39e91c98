"""When events that repeat happen: each of their times, as rows, from two years back to two years ahead.

A record's `recurrence` says it in lines of RFC 5545, all in wall-clock times of the zone that DTSTART names, or else of
this device:

    DTSTART;TZID=Europe/Berlin:20260901T193000
    RRULE:FREQ=WEEKLY;BYDAY=TU
    EXDATE:20261222T193000
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from edge_agent.context.items import Item
from orchestrator.types import Record

_YEARS: Final = 2
"""Whole years of occurrences before this one, and behind it."""
_MOST: Final = 2000
"""Occurrences of a record: every day of five years."""
_START: Final = re.compile(r"\ADTSTART(?:;TZID=(?P<zone>[^:;\n]+))?:(?P<rest>\d{8}T\d{6}\n.+)\Z", re.DOTALL)
_BY_THE_DAY: Final = re.compile(r"FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)\b", re.IGNORECASE)
"""What repeats by the hour or faster is left to its words: nobody asks for its times."""

_STALE: Final = """
SELECT id, recurrence, time, end_time FROM records LEFT JOIN series ON series.record_id = records.id
WHERE recurrence != '' AND coalesce(spread_until, 0) < ? LIMIT ?
"""
_STILL: Final = "SELECT 1 FROM records WHERE id = ? AND recurrence = ? AND time IS ? AND end_time IS ?"
_FIRST: Final = """
SELECT record_id, min(starts_at), ends_at FROM occurrences
WHERE record_id IN (SELECT value FROM json_each(?)) AND max(starts_at, ends_at - 1) >= ? GROUP BY record_id
"""
_LAST: Final = """
SELECT record_id, max(starts_at), ends_at FROM occurrences
WHERE record_id IN (SELECT value FROM json_each(?)) GROUP BY record_id
"""


@dataclass(frozen=True, slots=True)
class Series:
    """A repeating record as it was when its times were asked for."""

    record_id: int
    recurrence: str
    time: str | None
    end: str | None


Times = Sequence[tuple[int, int]]
"""First and last moment of each occurrence, in Unix seconds; the last is excluded."""


def stale(connection: sqlite3.Connection, now: datetime, *, limit: int) -> list[Series]:
    """Repeating records whose occurrences are not known up to the horizon of `now`."""
    _, end = _horizon(now)
    return [Series(*row) for row in connection.execute(_STALE, (int(end.timestamp()), limit))]


def times(series: Series, now: datetime) -> Times:
    """The series' occurrences within the horizon of `now`; none where its recurrence cannot be read."""
    try:
        zone, walls = _walls(series.recurrence, now)
        lasting = _lasting(series, zone)
        return [(_seconds(wall, zone), _seconds(wall + lasting, zone)) for wall in walls]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, OSError, ZoneInfoNotFoundError):
        return []


def keep(connection: sqlite3.Connection, found: Iterable[tuple[Series, Times]], now: datetime) -> None:
    """Write occurrences in place of earlier ones; of a record that has changed since, none."""
    _, end = _horizon(now)
    for series, spread in found:
        if not connection.execute(_STILL, (series.record_id, series.recurrence, series.time, series.end)).fetchone():
            continue
        connection.execute("DELETE FROM occurrences WHERE record_id = ?", (series.record_id,))
        rows = ((series.record_id, *occurrence) for occurrence in spread)
        connection.executemany("INSERT OR IGNORE INTO occurrences VALUES (?, ?, ?)", rows)
        connection.execute("REPLACE INTO series VALUES (?, ?)", (series.record_id, int(end.timestamp())))


def nearest(connection: sqlite3.Connection, ids: str, moment: datetime) -> Mapping[int, tuple[int, int]]:
    """Record id → its occurrence that is going on at `moment`, or the next one, or else the last there was.

    Args:
        ids: a JSON list of record ids; of those that do not repeat nothing is said.
        moment: with a zone.
    """
    found = connection.execute(_LAST, (ids,)).fetchall()
    if found:
        found += connection.execute(_FIRST, (ids, int(moment.timestamp()))).fetchall()
    return {record_id: (starts_at, ends_at) for record_id, starts_at, ends_at in found}


def told_of(item: Item, starts_at: int | None) -> Record:
    """The item's record; of a series, as the one occurrence that starts at this Unix second.

    A record without a time, as a contact with a birthday, has none either way.
    """
    record = item.record
    head = _START.match(item.recurrence)
    if starts_at is None or record.time is None or head is None:
        return record
    zone = _zone(head["zone"])
    start = datetime.fromtimestamp(starts_at, zone or UTC)
    start = start if zone else start.astimezone()
    if record.end is None:
        return replace(record, time=start)
    wall = _wall(start, zone) + (_wall(record.end, zone) - _wall(record.time, zone))
    return replace(record, time=start, end=wall.replace(tzinfo=zone) if zone else wall.astimezone())


def _horizon(now: datetime) -> tuple[datetime, datetime]:
    """It moves once a year, so that a series is seldom spread anew."""
    return datetime(now.year - _YEARS, 1, 1, tzinfo=UTC), datetime(now.year + _YEARS + 1, 1, 1, tzinfo=UTC)


def _walls(recurrence: str, now: datetime) -> tuple[tzinfo | None, list[datetime]]:
    """The zone, and the wall-clock times at which occurrences start."""
    head = _START.match(recurrence)
    rules = [line for line in recurrence.upper().split("\n") if line.startswith("RRULE")]
    if head is None or not all(_BY_THE_DAY.search(rule) for rule in rules):
        return None, []
    first, end = (moment.replace(tzinfo=None) for moment in _horizon(now))
    found = rrulestr(f"DTSTART:{head['rest']}", forceset=True).xafter(first, inc=True)
    return _zone(head["zone"]), list(islice(takewhile(lambda wall: wall < end, found), _MOST))


def _lasting(series: Series, zone: tzinfo | None) -> timedelta:
    """How long one occurrence takes; of what has no time itself, as a birthday, the day."""
    if series.time is None:
        return timedelta(days=1)
    start = datetime.fromisoformat(series.time)
    end = datetime.fromisoformat(series.end) if series.end else start
    return max(_wall(end, zone) - _wall(start, zone), timedelta())


def _zone(name: str | None) -> tzinfo | None:
    return ZoneInfo(name) if name else None


def _wall(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _seconds(wall: datetime, zone: tzinfo | None) -> int:
    """Of a time that a clock shows there; in the hour that a clock leaves out, an hour later."""
    return int((wall.replace(tzinfo=zone) if zone else wall.astimezone()).timestamp())
