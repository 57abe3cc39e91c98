"""Records as sentences, for the prompt of a small model."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from edge_agent.context.items import CANCELLED
from edge_agent.context.turns import ANSWERED, ASKED, SAID
from orchestrator.types import Record

_LONGEST = 480
"""Characters of a sentence: about 120 tokens, so that a few records fit a small prompt."""


_TURNS = {ASKED: "I asked you", SAID: "I told you", ANSWERED: "You told me"}
"""Turns of conversations, as the user tells of them: records stand in the user's own message."""


def sentence(record: Record, now: datetime) -> str:
    """`record` in plain English, with its date spelled out: what a model of 135 million parameters understands.

    "Dentist with Dr. Weber is on Tuesday 24 November 2026 at 09:30, at Lindenstraße 4."

    What happens comes first: asked when it is, such a model then continues with the date, and confuses it less with
    the dates of other records than after "On Tuesday …: Dentist".

    Args:
        record: any record. A time is told in its own zone, as the calendar wrote it.
        now: a moment with a zone; yesterday, today and tomorrow are named.
    """
    if record.kind == "event":
        text = _event(record, now)
    elif record.kind == "contact":
        text = _joined(record.title, record.body)
    elif record.kind == "mail":
        text = _joined(f'Mail{_from(record)}{_when(record, now)}, "{record.title}"', record.body)
    elif record.kind == "chat":
        text = _joined(f"{_spoken(record)}{_when(record, now)}", record.body)
    elif record.kind in _TURNS:
        text = _turn(record, now)
    else:
        heading = f"{record.kind.capitalize()} {record.title}".strip()
        text = _joined(f"{heading}{_when(record, now)}", record.body)
    return _shortened(" ".join(text.split()))


def _turn(record: Record, now: datetime) -> str:
    """Without its day where that is today: a small model then quotes the date instead of what was said."""
    today = record.time is not None and record.time.date() == now.astimezone(record.time.tzinfo).date()
    return f'{_TURNS[record.kind]}{"" if today else _when(record, now)}: "{record.body}"'


def _event(record: Record, now: datetime) -> str:
    others = tuple(person for person in record.people if not _named(person, record.title))
    with_people = f" with {_listed(others)}" if others else ""
    at_place = f", at {record.place}" if record.place else ""
    if record.body.startswith(CANCELLED):  # "is on Tuesday" is what a small model would repeat
        what = f"{record.title or 'Event'}{with_people}{_when(record, now)}{at_place}"
        return f"{what} is cancelled. {record.body.removeprefix(CANCELLED).strip()}".strip()
    when = f" is {_span(record, now)}" if record.time else ""
    return f"{record.title or 'Event'}{with_people}{when}{at_place}. {record.body}".strip()


def _span(record: Record, now: datetime) -> str:
    """ "on Tuesday 24 November 2026 at 09:30", "from Sunday … to Saturday …"; empty without a time."""
    if record.time is None:
        return ""
    start, end = record.time, record.end
    if not _is_midnight(start):
        return f"{_day(start, now)} at {start:%H:%M}"
    if end is None or not _is_midnight(end) or end - start < timedelta(days=1, hours=12):
        return _day(start, now)
    return f"from {_date(start)} to {_date(end - timedelta(days=1))}"


def _when(record: Record, now: datetime) -> str:
    return f" {_span(record, now)}" if record.time else ""


def _day(moment: datetime, now: datetime) -> str:
    here = now.astimezone(moment.tzinfo) if moment.tzinfo else now
    name = {-1: "yesterday, ", 0: "today, ", 1: "tomorrow, "}.get((moment.date() - here.date()).days)
    return f"{name or 'on '}{_date(moment)}"


def _date(moment: datetime) -> str:
    return f"{moment:%A} {moment.day} {moment:%B} {moment.year}"


def _is_midnight(moment: datetime) -> bool:
    return moment.time() == time()


def _from(record: Record) -> str:
    return f" from {record.people[0]}" if record.people else ""


def _spoken(record: Record) -> str:
    return f"{record.people[0]} wrote" if record.people else record.title or "Message"


def _named(person: str, title: str) -> bool:
    """Whether the title tells of the person already: "Dinner with Priya" of Priya Nair."""
    return any(word in title for word in person.split() if len(word) > 2)


def _listed(people: tuple[str, ...]) -> str:
    return people[0] if len(people) == 1 else f"{', '.join(people[:-1])} and {people[-1]}"


def _joined(opening: str, body: str) -> str:
    return f"{opening}: {body}" if opening and body else opening or body


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
