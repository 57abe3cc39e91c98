"""iCalendar files (RFC 5545): events, through icalendar.

An event that repeats is one record. An occurrence that was moved, changed or cancelled is a record of its own, and
stands in place of that occurrence of the series.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Calendar, Component

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.recurrence import every, in_lines, in_words, repeats
from edge_agent.context.items import CANCELLED, Item
from orchestrator.types import Record, Sensitivity

_MARKS = {"PRIVATE": Sensitivity.PRIVATE, "CONFIDENTIAL": Sensitivity.PRIVATE}
"""CLASS:PUBLIC is what calendars write when nobody chose, so it says nothing."""
_INHERITED = ("SUMMARY", "DESCRIPTION", "LOCATION", "ATTENDEE", "CLASS", "DURATION")
"""What an occurrence has of its series, unless it says otherwise. Its end it has itself, or by the duration."""
_BLOCK = re.compile(rb"^BEGIN:VEVENT\b.*?^END:VEVENT\b[^\n]*", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_ZONES = re.compile(rb"^BEGIN:VTIMEZONE\b.*?^END:VTIMEZONE\b[^\n]*", re.DOTALL | re.MULTILINE | re.IGNORECASE)


def read(path: Path) -> Iterator[Entry]:
    """The events of a calendar file; an event is known by its UID."""
    data = path.read_bytes()
    calendars = _calendars(data)
    if not calendars or not data.rstrip().upper().endswith(b"END:VCALENDAR"):
        yield Skipped(str(path), "the calendar is broken or cut off; only its whole events are read")
        calendars = _salvaged(data)
    series = _Series(calendars)
    number = 0
    for calendar in calendars:
        zone = _zone(calendar)
        for event in calendar.walk("VEVENT"):
            number += 1
            try:
                yield _item(series.completed(event), series.replaced(event), zone, path)
            except (ValueError, TypeError, AttributeError, LookupError, OverflowError, OSError) as error:
                reason = str(error) if type(error) is _Unreadable else "it cannot be read"
                yield Skipped(f"{path}, event {number}", reason)


class _Unreadable(ValueError):
    """An event lacks what a record needs; the message is ours."""


class _Series:
    """The events of a file that repeat, and those that stand for single occurrences of them."""

    def __init__(self, calendars: Sequence[Calendar]) -> None:
        self._whole: dict[str, Component] = {}
        self._replaced: dict[str, list[date]] = defaultdict(list)
        for event in (event for calendar in calendars for event in calendar.walk("VEVENT")):
            uid = _text(event, "UID")
            occurrence = getattr(event.get("RECURRENCE-ID"), "dt", None)
            if isinstance(occurrence, date):
                self._replaced[uid].append(occurrence)
            elif uid and repeats(event):
                self._whole[uid] = event

    def completed(self, event: Component) -> Mapping[str, Any]:
        """The event's properties; one that stands for an occurrence takes from its series what it does not say."""
        whole = self._whole.get(_text(event, "UID")) if "RECURRENCE-ID" in event else None
        if whole is None:
            return event
        inherited = {name: whole[name] for name in _INHERITED if name in whole}
        start = {} if "DTSTART" in event else {"DTSTART": event["RECURRENCE-ID"]}
        return {**inherited, **start, **event}

    def replaced(self, event: Component) -> Sequence[date]:
        """The occurrences of a series that other events stand for."""
        return () if "RECURRENCE-ID" in event else self._replaced.get(_text(event, "UID"), ())


def _calendars(data: bytes) -> list[Calendar]:
    try:
        return [part for part in Calendar.from_ical(data, multiple=True) if isinstance(part, Calendar)]
    except ValueError:
        return []


def _salvaged(data: bytes) -> list[Calendar]:
    """The whole events of a broken file, each in a calendar of its own."""
    zones = [zone.rstrip() for zone in _ZONES.findall(data)]
    calendars: list[Calendar] = []
    for block in _BLOCK.findall(data):
        lines = [b"BEGIN:VCALENDAR", b"VERSION:2.0", *zones, block.rstrip(), b"END:VCALENDAR", b""]
        calendars += _calendars(b"\r\n".join(lines))
    return calendars


def _item(event: Mapping[str, Any], replaced: Sequence[date], zone: tzinfo | None, path: Path) -> Item:
    start = _moment(event.get("DTSTART"), zone)
    title = _text(event, "SUMMARY")
    if start is None:
        raise _Unreadable("it has no readable start")
    if not title:
        raise _Unreadable("it has no title")
    repeating = repeats(event) and "RECURRENCE-ID" not in event
    body = [
        CANCELLED if _text(event, "STATUS").upper() == "CANCELLED" else "",
        _text(event, "DESCRIPTION"),
        in_words(event) if repeating else "",
    ]
    record = Record(
        kind="event",
        title=title,
        body="\n".join(part for part in body if part),
        people=tuple(dict.fromkeys(name for name in map(_name, every(event, "ATTENDEE")) if name)),
        time=start,
        end=_end(event, start, zone),
        place=_text(event, "LOCATION"),
        source=str(path),
    )
    lines = in_lines(event, start, replaced) if repeating else ""
    return Item.found(record, _key(event, path), lines, mark=_MARKS.get(_text(event, "CLASS").upper()))


def _key(event: Mapping[str, Any], path: Path) -> str:
    """The UID, and for one changed occurrence of a repeating event also which one."""
    uid = _text(event, "UID")
    if not uid:
        return f"ics:{path}#{_text(event, 'SUMMARY')}@{event['DTSTART'].to_ical().decode()}"
    occurrence = event.get("RECURRENCE-ID")
    return f"ics:{uid}@{occurrence.to_ical().decode()}" if occurrence is not None else f"ics:{uid}"


def _end(event: Mapping[str, Any], start: datetime, zone: tzinfo | None) -> datetime | None:
    """DTEND, or DTSTART and DURATION; an all-day event without either lasts that day."""
    if "DTEND" in event:
        return _moment(event.get("DTEND"), zone)
    if "DURATION" in event:
        duration = event["DURATION"].dt
        return start + duration if isinstance(duration, timedelta) else None
    return None if isinstance(event["DTSTART"].dt, datetime) else start + timedelta(days=1)


def _moment(value: Any, zone: tzinfo | None) -> datetime | None:
    """A DATE is that day's midnight; a time without a zone is in the calendar's, or else in this device's."""
    found = getattr(value, "dt", None)
    if not isinstance(found, date):
        return None
    moment = found if isinstance(found, datetime) else datetime.combine(found, time())
    if moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=zone) if zone else moment.astimezone()


def _zone(calendar: Calendar) -> tzinfo | None:
    try:
        return ZoneInfo(_text(calendar, "X-WR-TIMEZONE")) if "X-WR-TIMEZONE" in calendar else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _name(attendee: Any) -> str:
    """The common name, or else the address."""
    parameters = getattr(attendee, "params", {})
    return str(parameters.get("CN") or attendee).removeprefix("mailto:").removeprefix("MAILTO:").strip()


def _text(component: Any, name: str) -> str:
    """The first value of a property, or an empty string."""
    values = every(component, name)
    return str(values[0]).strip() if values else ""
