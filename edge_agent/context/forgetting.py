"""Forgetting: what is removed is gone from the store's files, not only from its answers.

Removing a row takes its index entries, vectors and place in its source with it (triggers), and SQLite writes zeros
over it (`secure_delete`). Three copies are left. The full-text index keeps words until its segments merge, so they are
merged in the same transaction. Where rows once moved to another page, the old page keeps their bytes between its own
rows, and `secure_delete` never comes there: so the file is written anew. The write-ahead log keeps old pages until it
is cut off, which needs a moment in which nobody reads from it; where none comes, or the power goes, whoever opens the
store next does it. `removals` says that it is due.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from edge_agent.context import marks
from edge_agent.context.people import records_of
from edge_agent.context.selection import Selection, Which, selected
from edge_agent.database import clean, cut_log, patience
from orchestrator.errors import InvalidRequest, RecordNotFound

_MOMENT_MS: Final = 1000
_SOURCES: Final = """
SELECT DISTINCT source_id FROM records JOIN source_items USING (key)
WHERE records.id IN (SELECT value FROM json_each(?))
"""
_EMPTY: Final = """
DELETE FROM sources WHERE id IN (SELECT value FROM json_each(?)) AND state != ''
AND NOT EXISTS (SELECT 1 FROM source_items WHERE source_id = sources.id)
"""
_ALONG: Final = """
WITH RECURSIVE meant (id) AS (
    SELECT value FROM json_each(?)
    UNION SELECT answer_id FROM answer_records JOIN meant ON answer_records.record_id = meant.id
)
SELECT id FROM meant ORDER BY id DESC
"""
_DELETE: Final = "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of records that were to be forgotten."""

    records: int
    """How many there were, with the answers that were made from them."""
    wiped: bool
    """Whether the files hold nothing of them. Where others read all the time, what opens the store next wipes them."""


def missing(connection: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """Which of `ids` no record has."""
    sql = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM records)"
    return [row[0] for row in connection.execute(sql, (json.dumps(ids),))]


def not_found(record_id: int) -> RecordNotFound:
    """The error of an id that no record has."""
    return RecordNotFound(f"no record has the id {record_id}", remedy="`edgewise context list` shows the ids")


def meant(connection: sqlite3.Connection, record_ids: Sequence[int], which: Which) -> list[int]:
    """Ids of what is to be forgotten, the newest first: with the agent's answers made from it, which may quote it.

    Raises:
        InvalidRequest: nothing is named.
        RecordNotFound: no record has one of the ids.
    """
    chosen = Selection(ids=tuple(record_ids) or None, **which)
    if chosen == Selection():
        raise InvalidRequest("no record is named", remedy="name ids, or what the records have in common")
    if absent := missing(connection, record_ids):
        raise not_found(absent[0])
    ids = selected(connection, chosen)
    if chosen.person is not None:
        known_as = set(records_of(connection, chosen.person))
        others = known_as if chosen.ids is None else known_as.intersection(chosen.ids)
        ids += selected(connection, replace(chosen, person=None, ids=tuple(others)))
    return [row[0] for row in connection.execute(_ALONG, (json.dumps(ids),))]


def remove(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Remove records and their words, and mark their keys; inside a transaction, and `wipe` behind it.

    A file that was read to its end, and holds nothing but what was forgotten, is known no more either.
    """
    if not ids:
        return
    given = json.dumps(ids)
    touched = [row[0] for row in connection.execute(_SOURCES, (given,))]
    marks.leave(connection, ids)
    connection.execute(_DELETE, (given,))
    connection.execute(_EMPTY, (json.dumps(touched),))
    merge_index(connection)


def remove_all(connection: sqlite3.Connection) -> int:
    """Remove every record, and what is known of the files that they came from; how many records there were.

    No mark is left: whoever imports again then wants it all.
    """
    count = connection.execute("DELETE FROM records").rowcount
    connection.execute("DELETE FROM sources")
    connection.execute("DELETE FROM forgotten")
    merge_index(connection)
    return count


def merge_index(connection: sqlite3.Connection) -> None:
    """Write the full-text index anew, without the words of removed records."""
    connection.execute("INSERT INTO records_fts (records_fts) VALUES ('optimize')")


def withdrawals(connection: sqlite3.Connection) -> int:
    """How often a record was removed or its label raised, by whatever program."""
    (count,) = connection.execute("SELECT coalesce(max(count + raised), 0) FROM removals").fetchone()
    return int(count)


def removals(connection: sqlite3.Connection) -> int:
    """How many records were ever removed: whoever keeps what was made of records drops it when this has changed."""
    (count,) = connection.execute("SELECT coalesce(max(count), 0) FROM removals").fetchone()
    return int(count)


def is_wiped(connection: sqlite3.Connection) -> bool:
    """Whether the files hold nothing of what was removed."""
    (wiped,) = connection.execute("SELECT coalesce(max(wiped = count), false) FROM removals").fetchone()
    return bool(wiped)


def wipe(connection: sqlite3.Connection) -> bool:
    """Write the store anew, and cut off the write-ahead log, with what was removed.

    Args:
        connection: outside of any transaction. Those who read are waited for a moment; they are seldom longer.

    Returns:
        False where that cannot be now: somebody reads from it, or the disk is full. The removal itself stands.
    """
    try:
        with patience(connection, _MOMENT_MS):
            return _clean(connection)
    except sqlite3.OperationalError:
        return False


def finish(connection: sqlite3.Connection) -> None:
    """Wipe what was removed and not wiped, if nobody else is at work: then the next one does it.

    The process that removed it was killed, or somebody was reading all the time, or it was another program, which may
    have overwritten nothing: so the index is written anew, too.
    """
    if is_wiped(connection):
        return
    with patience(connection, 0), suppress(sqlite3.OperationalError):
        if cut_log(connection):
            merge_index(connection)
            _clean(connection)


def _clean(connection: sqlite3.Connection) -> bool:
    count = removals(connection)
    if not clean(connection):
        return False
    _note_wiped(connection, count)
    return True


def _note_wiped(connection: sqlite3.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO removals (count, wiped) SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM removals)"
    )  # lost in a repair
    connection.execute("UPDATE removals SET wiped = max(wiped, ?)", (count,))
