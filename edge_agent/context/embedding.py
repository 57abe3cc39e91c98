"""Giving records their vectors, a few at a time, beside everything else that a store does."""

from __future__ import annotations

from typing import Final

from edge_agent.context.meaning import Meaning
from edge_agent.database import Database

_DROPPED_AT_ONCE: Final = 2000
"""Vectors of a former model: a few milliseconds, which other writers may wait for."""


class Embedding:
    """The vectors of one store's records. Any number of threads and processes may work on them at once."""

    def __init__(self, database: Database, meaning: Meaning) -> None:
        self._database = database
        self._meaning = meaning

    def embed_missing(self, limit: int) -> int:
        """Give up to `limit` records that have none yet their vectors; how many it took on, 0 when all have theirs.

        Then the vectors of another model that was used before are removed; until then they serve. The store is free for
        others while the model computes. A record that changes meanwhile is taken on again.

        Raises:
            InferenceFailed: the embedding model failed.
            StoreError: the store cannot be read or written.
        """
        meaning = self._meaning
        with self._database.lend() as db:
            finished, wanted = meaning.is_finished(db.conn), meaning.is_wanted(db.conn)
        if finished:
            return 0
        if not wanted:
            with self._database.write(durable=False) as db:
                meaning.want(db.conn)
        with self._database.lend() as db:
            batch = meaning.missing(db.conn, limit=limit)
        if not batch.texts:
            self._drop_former()
            return 0
        made = meaning.embed(batch)
        with self._database.write(durable=False) as db:
            meaning.keep(db.conn, batch, made)
        return len(batch.texts)

    def count_missing(self) -> int:
        """How many records have no vector yet.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return self._meaning.count_missing(db.conn)

    def load(self) -> None:
        """Read into memory what questions are compared with.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            self._meaning.load(db.conn)

    def _drop_former(self) -> None:
        more = True
        while more:
            with self._database.write(durable=False) as db:
                more = self._meaning.drop_former(db.conn, limit=_DROPPED_AT_ONCE)
