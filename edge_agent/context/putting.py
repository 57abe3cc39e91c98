"""Items into the table of records: added under a new id, or in place of what has their key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from edge_agent.context import items, labelling, links, marks, people
from edge_agent.context.labels import Judge
from edge_agent.context.preparing import Prepared
from orchestrator.types import Sensitivity

Row = tuple[object, ...]
"""Contents and label."""

_NAMES: Final = (*items.COLUMNS, *labelling.COLUMNS)
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT: Final = f"INSERT INTO records ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"
_INSERT_KEYED: Final = f"INSERT INTO records (id, key, {_COLUMNS}) VALUES ({', '.join('?' * (len(_NAMES) + 2))})"
_UPDATE: Final = f"UPDATE records SET {' = ?, '.join(_NAMES)} = ? WHERE id = ?"
_IDS: Final = "SELECT id FROM records WHERE key IN (SELECT value FROM json_each(?))"
_STORED: Final = f"SELECT id, {_COLUMNS} FROM records WHERE key = ?"


def add(connection: sqlite3.Connection, prepared: Prepared, judge: Judge) -> int:
    """Add a record under a new id, which is returned."""
    added = connection.execute(_INSERT, labelled(prepared, None, judge))
    return _note_people(connection, added.lastrowid, prepared)


def put(connection: sqlite3.Connection, prepared: Prepared, judge: Judge) -> str:
    """Add or update one item; the name of what happened, as a field of `PutCounts`."""
    item = prepared.item
    if item.key is None:
        add(connection, prepared, judge)
        return "added"
    found = connection.execute(_STORED, (item.key,)).fetchone()
    if found is None and any(marks.is_marked(connection, key) for key in (item.key, *item.links.keys)):
        return "forgotten"  # itself, or what it was made from
    row = labelled(prepared, found and found[1:], judge)
    if found is None:
        added = connection.execute(_INSERT_KEYED, (_free_id(connection, item.record.id), item.key, *row))
        _note_people(connection, added.lastrowid, prepared)
        links.keep(connection, int(added.lastrowid or 0), item.record.thread, item.links)
        return "added"
    if found[1:] == row:
        return "unchanged"
    connection.execute(_UPDATE, (*row, found[0]))
    _note_people(connection, found[0], prepared)
    return "updated"


def labelled(prepared: Prepared, before: Row | None, judge: Judge) -> Row:
    """An item as it is stored. What the user chose for the record that was there `before` stands."""
    chosen = before[_NAMES.index("chosen")] if before else None
    label = labelling.label_row(prepared.item, prepared.said, Sensitivity(str(chosen)) if chosen else None, judge)
    return (*prepared.contents, *label)


def stored(connection: sqlite3.Connection, key: str) -> Row | None:
    """The record with this key; None where there is none."""
    found = connection.execute(_STORED, (key,)).fetchone()
    return None if found is None else tuple(found[1:])


def updated(connection: sqlite3.Connection, keys: Sequence[str | None], outcomes: Sequence[str]) -> list[int]:
    """The ids of those records that `put` updated, of items with these keys."""
    changed = [key for key, became in zip(keys, outcomes, strict=True) if became == "updated"]
    if not changed:
        return []
    found = connection.execute(_IDS, (json.dumps(changed),))
    return [record_id for (record_id,) in found]


def _note_people(connection: sqlite3.Connection, record_id: int | None, prepared: Prepared) -> int:
    """Keep the aliases of a record that was added or changed; its id."""
    assert record_id is not None, "a row that was written has an id"
    people.note(connection, {record_id: prepared.aliases})
    return record_id


def _free_id(connection: sqlite3.Connection, wanted: int | None) -> int | None:
    """`wanted`, if no record ever had it here; None lets SQLite choose."""
    if wanted is None:
        return None
    (last,) = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'records'").fetchone()
    return wanted if wanted > (last or 0) else None
