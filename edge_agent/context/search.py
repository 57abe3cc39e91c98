"""Search: records that have the words of a query, for a person who looks for them."""

from __future__ import annotations

import re
import sqlite3

from edge_agent.context.schema import RANK

_WORD = re.compile(r"[^\W_]+")
_MAX_WORDS = 40
_BY_RANK = f"SELECT rowid FROM records_fts WHERE records_fts MATCH ? ORDER BY {RANK} LIMIT ?"


def matching(connection: sqlite3.Connection, query: str, *, limit: int) -> list[int]:
    """Ids of the records that have all words of `query`, or else any of them, best first.

    Every word is quoted, so nothing in `query` is read as FTS5 syntax; the last one may be the beginning of a word.
    """
    words = [f'"{word}"' for word in _WORD.findall(query)[:_MAX_WORDS]]
    if not words:
        return []
    words[-1] += " *"
    for joined in (" AND ".join(words), " OR ".join(words)):
        ids = [row[0] for row in connection.execute(_BY_RANK, (joined, limit))]
        if ids:
            return ids
    return []
