"""How an event repeats (RFC 5545): in words, for the index and a model, and in lines, for `occurrences`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from icalendar import vRecur

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS = {name[:2].upper(): name for name in _WEEK}
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_WALL: Final = "%Y%m%dT%H%M%S"
_LAST_SECOND: Final = time(23, 59, 59)
_SAMPLES: Final = [timedelta(days=15 * number) for number in range(50)]
"""Two years of half months: zones that agree on all of these are one to a calendar."""


def repeats(event: Mapping[str, Any]) -> bool:
    """Whether an event has more than one occurrence."""
    return "RRULE" in event or "RDATE" in event


def in_lines(event: Mapping[str, Any], start: datetime, replaced: Iterable[date]) -> str:
    """What `occurrences` reads: zone and start, rules, further times, and times that are left out.

    Args:
        event: one that repeats.
        start: its first occurrence, with its zone.
        replaced: occurrences that other events of the calendar stand for, or cancel.
    """
    given = event["DTSTART"].dt
    zone = start.tzinfo if isinstance(given, datetime) and given.tzinfo else None
    name = _zone_name(zone, start.replace(tzinfo=None)) if zone else ""
    wall = start.replace(tzinfo=None)
    rules = [_rule(rule, wall, zone) for rule in every(event, "RRULE")]
    more = [_wall(moment, wall, zone) for moment in _moments(event, "RDATE")]
    less = [_wall(moment, wall, zone) for moment in [*_moments(event, "EXDATE"), *replaced]]
    lines = [f"DTSTART{f';TZID={name}' if name else ''}:{wall:{_WALL}}", *rules]
    if not rules:
        more.append(wall)  # the first occurrence, which no rule brings
    lines += [f"RDATE:{moment:{_WALL}}" for moment in sorted(set(more))]
    lines += [f"EXDATE:{moment:{_WALL}}" for moment in sorted(set(less))]
    return "\n".join(lines)


def in_words(event: Mapping[str, Any]) -> str:
    """How an event repeats as a sentence: "Repeats every 2 weeks on Monday, until 29 June 2027."

    What is said in words is frequency, interval, plain weekdays and the end; a rule with more parts is called
    irregular rather than told wrongly.
    """
    rules = every(event, "RRULE")
    return _in_words(rules[0]) if len(rules) == 1 else "Repeats irregularly."


def every(component: Mapping[str, Any], name: str) -> list[Any]:
    """All the values of a property."""
    value = component.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _in_words(rule: Mapping[str, Any]) -> str:
    unit = _UNITS.get(_first(rule, "FREQ"))
    days = [_DAYS.get(str(day)) for day in rule.get("BYDAY", [])]
    if (
        unit is None
        or None in days
        or rule.keys() - {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL", "WKST"}
    ):
        return "Repeats irregularly."
    interval = int(_first(rule, "INTERVAL") or 1)
    named = _and([day for day in days if day])
    if named and unit == "week" and interval == 1:
        text = f"Repeats every {named}"
    else:
        text = f"Repeats every {f'{interval} {unit}s' if interval > 1 else unit}" + (f" on {named}" if named else "")
    if "BYMONTHDAY" in rule:
        text += f" on day {_and([str(day) for day in rule['BYMONTHDAY']])}"
    return text + _ending(rule) + "."


def _ending(rule: Mapping[str, Any]) -> str:
    if "COUNT" in rule:
        return f", {int(_first(rule, 'COUNT'))} times"
    until = rule.get("UNTIL", [None])[0]
    return f", until {until.day} {until:%B %Y}" if isinstance(until, date) else ""


def _first(rule: Mapping[str, Any], name: str) -> str:
    values = rule.get(name) or [""]
    return str(values[0]).upper()


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _rule(rule: Mapping[str, Any], start: datetime, zone: tzinfo | None) -> str:
    """A rule whose end is a wall-clock time, too: calendars write it in UTC, or as a day that is included."""
    parts = {name: values for name, values in rule.items() if name != "UNTIL" or "COUNT" not in rule}
    for until in parts.get("UNTIL", [])[:1]:
        whole_day = not isinstance(until, datetime)
        end = datetime.combine(until, _LAST_SECOND) if whole_day else _wall(until, start, zone)
        parts["UNTIL"] = [end]
    written: bytes = vRecur(parts).to_ical()  # type: ignore[no-untyped-call]
    return f"RRULE:{written.decode()}"


def _moments(event: Mapping[str, Any], name: str) -> list[date]:
    """The days or times of RDATE or EXDATE; of a period its beginning."""
    found: Sequence[Any] = [value.dt for part in every(event, name) for value in part.dts]
    return [value[0] if isinstance(value, tuple) else value for value in found]


def _wall(moment: date, start: datetime, zone: tzinfo | None) -> datetime:
    """What the clock shows there; of a day that of the first occurrence."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, start.time())
    return (moment.astimezone(zone) if moment.tzinfo else moment).replace(tzinfo=None)


@lru_cache(maxsize=64)
def _zone_name(zone: tzinfo, near: datetime) -> str:
    """The zone's name, or that of one that keeps the same time in these years: a calendar may define its own zones."""
    name = getattr(zone, "key", None)
    if isinstance(name, str):
        return name
    offsets = [zone.utcoffset(near + sample) for sample in _SAMPLES]
    same = (
        known
        for known in sorted(available_timezones())
        if [ZoneInfo(known).utcoffset(near + sample) for sample in _SAMPLES] == offsets
    )
    return next(same, "")
