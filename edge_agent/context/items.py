"""A record on its way into or out of the store: its lasting key, and how it is written as a row and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from edge_agent.context.links import NO_LINKS, Links
from edge_agent.context.schema import SCHEMA
from orchestrator.errors import InvalidRequest, StoreCorrupt
from orchestrator.types import Record, Sensitivity

COLUMNS = (
    *("kind", "title", "body", "people", "time", "end_time", "place", "source"),
    *("recurrence", "starts_at", "ends_at", "thread", "position"),
)
"""The columns of `records` that hold what an item says, in the order of `to_row`. Its label has columns of its own."""
_LATER = {"thread": "", "position": 0, "mark": None, "chosen": None}
"""Columns that stores of earlier versions lack."""

_MAX_ID = 2**53
"""Ids stay exact in every JSON reader, and leave the store room to count on."""

CANCELLED = "Cancelled."
"""How the body of an event begins that will not be."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record and what the store knows beyond it."""

    record: Record
    key: str | None = None
    """The same for the same thing at its next import: a UID, a Message-ID, a path. None: the store makes one up."""
    recurrence: str = ""
    """Where the event repeats: lines of iCalendar, as `occurrences` reads them."""
    marked: bool = True
    """Whether the record's sensitivity was said by its source, or by what it was derived from: rules only raise it."""
    chosen: Sensitivity | None = None
    """What the user chose for this one record: nothing else counts then."""
    links: Links = NO_LINKS
    """Of a turn of a conversation with the agent, from an export."""

    @classmethod
    def found(cls, record: Record, key: str, recurrence: str = "", *, mark: Sensitivity | None = None) -> Self:
        """An item of an import, with the label that its source gave it, if it gave one."""
        return cls(replace(record, sensitivity=mark) if mark else record, key, recurrence, marked=mark is not None)

    @property
    def mark(self) -> Sensitivity | None:
        """The label that it came with."""
        return self.record.sensitivity if self.marked else None


def to_row(item: Item) -> tuple[object, ...]:
    """The values of `COLUMNS`.

    Raises:
        InvalidRequest: it has no kind, or neither title nor body, or a time without a zone.
    """
    record = item.record
    if not record.kind or not (record.title or record.body):
        raise InvalidRequest("a record needs a kind, and a title or a body", remedy='for example the kind "note"')
    return (
        _storable(record.kind),
        _storable(record.title),
        _storable(record.body),
        json.dumps([_storable(person) for person in record.people], ensure_ascii=False),
        _iso(record.time),
        _iso(record.end),
        _storable(record.place),
        _storable(record.source),
        _storable(item.recurrence),
        _unix_seconds(record.time),
        _unix_seconds(record.end),
        _storable(record.thread),
        record.position,
    )


def from_row(row: Mapping[str, Any]) -> Item:
    """An item from a row of `records`, marked with the label that it has, unless that was chosen or is the default.

    Raises:
        StoreCorrupt: the row holds what `to_row` never wrote.
    """
    try:
        return _from_row(row)
    except (AttributeError, OverflowError, TypeError, ValueError):
        raise StoreCorrupt(
            f"the context store is damaged at its record {row['id']}", remedy=SCHEMA.if_damaged
        ) from None


def _from_row(row: Mapping[str, Any]) -> Item:
    kind, title, body, place, source, thread, key, recurrence = (
        _written(row[name]) for name in ("kind", "title", "body", "place", "source", "thread", "key", "recurrence")
    )
    record = Record(
        id=row["id"],
        kind=kind,
        title=title,
        body=body,
        people=tuple(map(_written, json.loads(row["people"]))),
        time=_moment(row["time"]),
        end=_moment(row["end_time"]),
        place=place,
        source=source,
        sensitivity=Sensitivity(row["sensitivity"]),
        thread=thread,
        position=row["position"],
    )
    mark, chosen = (Sensitivity(row[name]) if row[name] else None for name in ("mark", "chosen"))
    default = mark is None and record.sensitivity is Sensitivity.PERSONAL
    return Item(record, key, recurrence, marked=chosen is None and not default, chosen=chosen)


def _written(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def is_sound(row: Mapping[str, Any]) -> bool:
    """Whether a row of `records` is one that `to_row` could have written: damage makes other types, and odd times."""
    try:
        written = dict(zip(COLUMNS, to_row(from_row({**_LATER, **row})), strict=True))
    except (InvalidRequest, StoreCorrupt):
        return False
    return all(row[name] == value for name, value in written.items() if name in row and name != "people")


def to_json(item: Item) -> str:
    """One line of an export: the record's fields, and what the store knows beyond them.

    `chosen` is what the user chose; `unmarked` is true where nothing but the default speaks for the label.
    """
    unmarked = not item.marked and item.chosen is None
    beyond = {"key": item.key, "recurrence": item.recurrence, "chosen": item.chosen, "unmarked": unmarked}
    values = {
        **fields(item.record),
        **{name: value for name, value in beyond.items() if value},
        **item.links.fields(),
    }
    return json.dumps(values, ensure_ascii=False)


def fields(record: Record) -> dict[str, object]:
    """A record as plain JSON values, times in ISO 8601; empty fields are left out."""
    values = {
        "id": record.id,
        "kind": record.kind,
        "title": record.title,
        "body": record.body,
        "people": list(record.people),
        "time": _iso(record.time),
        "end": _iso(record.end),
        "place": record.place,
        "source": record.source,
        "sensitivity": Sensitivity(record.sensitivity).value,
        "thread": record.thread,
        "position": record.position or None,
    }
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def from_json(given: Mapping[str, Any], *, kind: str) -> Item:
    """An item from a JSON object with the fields that `to_json` writes; of title and body it needs one.

    Args:
        given: the object. `id`, `chosen` and links count only beside a `key`, as in our exports; unknown fields are
            ignored.
        kind: for an object that names none.

    Raises:
        ValueError: a field has the wrong type or value. The message names the field, never its value.
    """
    mark = _sensitivity(given, "sensitivity")
    chosen = _sensitivity(given, "chosen") if given.get("key") else None
    default = given.get("unmarked") is True and mark is Sensitivity.PERSONAL
    record = Record(
        id=_own_id(given),
        kind=_text(given, "kind") or kind,
        title=_text(given, "title"),
        body=_text(given, "body"),
        people=_people(given),
        time=_time(given, "time"),
        end=_time(given, "end"),
        place=_text(given, "place"),
        source=_text(given, "source"),
        sensitivity=mark or Sensitivity.PERSONAL,
        thread=_text(given, "thread"),
        position=_position(given),
    )
    if not record.title and not record.body:
        raise ValueError("it has neither a title nor a body")
    return Item(
        record,
        key=_text(given, "key") or None,
        recurrence=_text(given, "recurrence"),
        marked=mark is not None and chosen is None and not default,
        chosen=chosen,
        links=Links.of_fields(given) if given.get("key") else NO_LINKS,
    )


def local_moment(text: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is this device's.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()


def _storable(text: str) -> str:
    """`text` without half characters, which broken mails hold and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _unix_seconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidRequest("a record's time has no time zone", remedy="give it one, for example with astimezone()")
    return math.floor(moment.timestamp())


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"its {name} is not a text")
    return value


def _sensitivity(given: Mapping[str, Any], name: str) -> Sensitivity | None:
    text = _text(given, name)
    if text and text not in list(Sensitivity):
        raise ValueError(f"its {name} is none of public, personal and private")
    return Sensitivity(text) if text else None


def _people(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("people") or []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("its people are not a list of names")
    return tuple(names)


def _time(given: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(given, name)
    try:
        return local_moment(text) if text else None
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"its {name} is not an ISO 8601 time") from None


def _position(given: Mapping[str, Any]) -> int:
    value = given.get("position") or 0
    if type(value) is not int or not 0 <= value < _MAX_ID:
        raise ValueError("its position is not a place in a thread")
    return value


def _own_id(given: Mapping[str, Any]) -> int | None:
    value = given.get("id")
    ours = "key" in given and type(value) is int and 0 < value < _MAX_ID
    return value if ours else None
