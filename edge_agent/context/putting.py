"""Items into the table of records: added under a new id, or in place of what has their key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.context import clues, items, labelling, links, marks, paging, people
from edge_agent.context.clues import Clue
from edge_agent.context.items import Item
from edge_agent.context.labels import Judge
from edge_agent.context.preparing import Prepared
from orchestrator.types import Sensitivity

Row = tuple[object, ...]
"""Contents and label."""

_NAMES: Final = (*items.COLUMNS, *labelling.COLUMNS)
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT: Final = f"INSERT INTO records (id, {_COLUMNS}) VALUES ({', '.join('?' * (len(_NAMES) + 1))})"
_INSERT_KEYED: Final = f"INSERT INTO records (id, key, {_COLUMNS}) VALUES ({', '.join('?' * (len(_NAMES) + 2))})"
_UPDATE: Final = f"UPDATE records SET {' = ?, '.join(_NAMES)} = ? WHERE id = ?"
_STORED: Final = f"SELECT key, id, {_COLUMNS} FROM records WHERE key IN"
_LAST: Final = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'records'"


def add(connection: sqlite3.Connection, prepared: Prepared, judge: Judge) -> int:
    """Add a record under a new id, which is returned."""
    added = connection.execute(_INSERT, (None, *labelled(prepared, None, judge)))
    assert added.lastrowid is not None, "a row that was written has an id"
    people.note(connection, {added.lastrowid: prepared.aliases})
    clues.note(connection, {added.lastrowid: prepared.clues})
    return added.lastrowid


@dataclass(frozen=True, slots=True)
class Put:
    """What became of the items of one `put`."""

    outcomes: Sequence[str]
    """Of each, as a field of `PutCounts`."""
    updated: Sequence[int]
    """Ids of records that are not as they were."""


def put(connection: sqlite3.Connection, batch: Sequence[Prepared], judge: Judge) -> Put:
    """Add or update items, inside a transaction."""
    putting = _Putting(connection, batch)
    outcomes = [putting.take(each, judge) for each in batch]
    return Put(outcomes, putting.write(connection))


def labelled(prepared: Prepared, before: Row | None, judge: Judge) -> Row:
    """An item as it is stored. What the user chose for the record that was there `before` stands."""
    chosen = before[_NAMES.index("chosen")] if before else None
    label = labelling.label_row(prepared.item, prepared.said, Sensitivity(str(chosen)) if chosen else None, judge)
    return (*prepared.contents, *label)


def stored(connection: sqlite3.Connection, keys: Iterable[str]) -> dict[str, tuple[int, Row]]:
    """Key → id and row of the records that have these keys."""
    return {
        key: (record_id, tuple(row))
        for page, places in paging.pages(keys)
        for key, record_id, *row in connection.execute(f"{_STORED} ({places})", page)
    }


def withheld(connection: sqlite3.Connection, batch: Iterable[Item], there: Mapping[str, object]) -> set[str]:
    """Which keys the user forgot, of those items that are not `there`, and of what they were made from."""
    keys = ((item.key, *item.links.keys) for item in batch if item.key is not None and item.key not in there)
    return marks.marked(connection, (key for own in keys for key in own))


class _Putting:
    """One batch: item by item it is found out what is to be written, and then that is written at once."""

    def __init__(self, connection: sqlite3.Connection, batch: Sequence[Prepared]) -> None:
        found = [each.item for each in batch]
        self._there = stored(connection, (item.key for item in found if item.key is not None))
        """The records that have its keys; in the end also those that it brings itself."""
        self._forgotten = withheld(connection, found, self._there)
        self._last: int = connection.execute(_LAST).fetchone()[0]
        """The highest id that any record ever had."""
        self._added: list[Row] = []
        self._keyless: list[Row] = []
        self._changed: dict[int, Row] = {}
        self._aliases: dict[int, Mapping[str, str]] = {}
        self._clues: dict[int, Sequence[Clue]] = {}
        self._linked: list[tuple[int, Item]] = []

    def take(self, prepared: Prepared, judge: Judge) -> str:
        """Find out what becomes of an item, as a field of `PutCounts`."""
        item = prepared.item
        if item.key is None:
            return self._add_keyless(prepared, judge)
        before = self._there.get(item.key)
        if before is None and not self._forgotten.isdisjoint((item.key, *item.links.keys)):
            return "forgotten"  # itself, or what it was made from
        row = labelled(prepared, before and before[1], judge)
        if before is not None and before[1] == row:
            return "unchanged"
        record_id = before[0] if before else self._new_id(item.record.id)
        self._there[item.key] = record_id, row
        self._aliases[record_id], self._clues[record_id] = prepared.aliases, prepared.clues
        if before is not None:
            self._changed[record_id] = row
            return "updated"
        self._added.append((record_id, item.key, *row))
        self._linked.append((record_id, item))
        return "added"

    def write(self, connection: sqlite3.Connection) -> list[int]:
        """Write what was taken; the ids of records that were there, and are not as they were."""
        connection.executemany(_INSERT, self._keyless)
        connection.executemany(_INSERT_KEYED, self._added)
        connection.executemany(_UPDATE, ((*row, record_id) for record_id, row in self._changed.items()))
        people.note(connection, self._aliases)  # a change has removed those from before it
        clues.note(connection, self._clues)
        for record_id, item in self._linked:
            links.keep(connection, record_id, item.record.thread, item.links)
        return list(self._changed)

    def _add_keyless(self, prepared: Prepared, judge: Judge) -> str:
        record_id = self._new_id(None)
        self._keyless.append((record_id, *labelled(prepared, None, judge)))
        self._aliases[record_id], self._clues[record_id] = prepared.aliases, prepared.clues
        return "added"

    def _new_id(self, wanted: int | None) -> int:
        """`wanted`, if no record ever had it here, nor a later one; or else the next."""
        self._last = max(wanted or 0, self._last + 1)
        return self._last
