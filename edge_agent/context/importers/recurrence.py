"""An iCalendar recurrence rule in words, so that a model and the index can read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS = {name[:2].upper(): name for name in _WEEK}
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}


def in_words(rule: Mapping[str, Any]) -> str:
    """A rule (RFC 5545, 3.3.10) as a sentence: "Repeats every 2 weeks on Monday, until 29 June 2027."

    What is said in words is frequency, interval, plain weekdays and the end; a rule with more parts is called
    irregular rather than told wrongly.
    """
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
