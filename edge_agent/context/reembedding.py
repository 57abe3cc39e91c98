"""Which model's vectors the store has, and what still awaits them.

Records are embedded with the wanted model, the newest first. Where another one is wanted than before, the former's
vectors serve until the new ones are complete; then they are removed. Every step is a transaction of its own, and all
that must be remembered between two steps is in the tables: whoever is stopped in between goes on where it was.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

_LACKING: Final = """
FROM records
WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.record_id = records.id AND vectors.model_id = ?)
"""
_COMPLETE: Final = """
UPDATE embedding_models SET complete = 1 WHERE name = ? AND wanted AND NOT EXISTS (SELECT 1 FROM unembedded)
"""
_OTHER: Final = "SELECT id FROM embedding_models WHERE name != ? LIMIT 1"
_DROP: Final = "DELETE FROM vectors WHERE id IN (SELECT id FROM codes WHERE model_id = ? LIMIT ?)"
_EMBEDDED: Final = """
SELECT name, count(DISTINCT record_id) FROM embedding_models JOIN vectors ON model_id = embedding_models.id GROUP BY 1
"""


def is_wanted(connection: sqlite3.Connection, model: str) -> bool:
    """Whether it is `model` that records are embedded with."""
    return _flag(connection, "wanted", model)


def want(connection: sqlite3.Connection, model: str) -> None:
    """From now on, embed with `model`: everything awaits it that has no vector of it yet."""
    connection.execute("INSERT OR IGNORE INTO embedding_models (name) VALUES (?)", (model,))
    connection.execute("UPDATE embedding_models SET wanted = (name = ?)", (model,))
    await_missing(connection)


def await_missing(connection: sqlite3.Connection) -> None:
    """Find again what awaits vectors of the wanted model; everything, where none is wanted yet."""
    row = connection.execute("SELECT id FROM embedding_models WHERE wanted").fetchone()
    connection.execute("DELETE FROM unembedded")
    connection.execute(f"INSERT INTO unembedded SELECT id {_LACKING}", row or (0,))


def count_forgotten(connection: sqlite3.Connection) -> int:
    """How many records neither have vectors of the wanted model nor await them: none, unless the file was damaged."""
    row = connection.execute("SELECT id FROM embedding_models WHERE wanted").fetchone()
    if row is None:
        return 0
    await_none = "AND id NOT IN (SELECT record_id FROM unembedded)"
    (count,) = connection.execute(f"SELECT count(*) {_LACKING} {await_none}", row).fetchone()
    return int(count)


def model_id(connection: sqlite3.Connection, model: str) -> int:
    """The number of a model that has vectors, or was wanted once; 0 for any other."""
    row = connection.execute("SELECT id FROM embedding_models WHERE name = ?", (model,)).fetchone()
    return int(row[0]) if row else 0


def serving(connection: sqlite3.Connection) -> str | None:
    """The model whose vectors were complete once, the wanted one before a former; None where there is none yet."""
    row = connection.execute(
        "SELECT name FROM embedding_models WHERE complete ORDER BY wanted DESC, id LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def waiting(connection: sqlite3.Connection, *, limit: int) -> list[int]:
    """Ids of records that await vectors of the wanted model, the newest first."""
    rows = connection.execute("SELECT record_id FROM unembedded ORDER BY record_id DESC LIMIT ?", (limit,))
    return [row[0] for row in rows]


def settle(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """These records have their vectors."""
    connection.execute("DELETE FROM unembedded WHERE record_id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def count_waiting(connection: sqlite3.Connection, model: str) -> int:
    """How many records await vectors of `model`."""
    if is_wanted(connection, model):
        (count,) = connection.execute("SELECT count(*) FROM unembedded").fetchone()
    else:
        (count,) = connection.execute(f"SELECT count(*) {_LACKING}", (model_id(connection, model),)).fetchone()
    return int(count)


def is_finished(connection: sqlite3.Connection, model: str) -> bool:
    """Whether nothing awaits `model`, and no other one has vectors any more."""
    others = connection.execute(_OTHER, (model,)).fetchone()
    return others is None and _flag(connection, "complete", model) and not waiting(connection, limit=1)


def drop_former(connection: sqlite3.Connection, model: str, *, limit: int) -> bool:
    """Remove up to `limit` vectors of models that `model` replaces, if it is complete; whether there may be more."""
    connection.execute(_COMPLETE, (model,))
    other = connection.execute(_OTHER, (model,)).fetchone()
    if other is None or not _flag(connection, "complete", model):
        return False
    if not connection.execute(_DROP, (other[0], limit)).rowcount:
        connection.execute("DELETE FROM embedding_models WHERE id = ?", other)
    return True


def embedded(connection: sqlite3.Connection) -> dict[str, int]:
    """Model → how many records have vectors of it."""
    return dict(connection.execute(_EMBEDDED).fetchall())


def _flag(connection: sqlite3.Connection, name: str, model: str) -> bool:
    sql = f"SELECT 1 FROM embedding_models WHERE name = ? AND {name}"
    return connection.execute(sql, (model,)).fetchone() is not None
