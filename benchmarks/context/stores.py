"""Large stores for measuring, made in bulk: rows as `put` and `embed_missing` would write them, without the waiting."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.context.life import Life
from edge_agent.context import clues, items, people, reembedding
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.embedder import SentenceEmbedder

_PAGE: Final = 20_000
_PASSAGE_CHARACTERS: Final = 800
_COLUMNS: Final = ("id", "key", "sensitivity", *items.COLUMNS)
_RECORDS: Final = f"INSERT INTO records ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


def make(path: Path, model: Path, records: int) -> int:
    """Make a store at `path` for the embedding model in the folder `model`, telling on standard error; see `build`."""

    def tell(done: int) -> None:
        print(
            f"\rmade {done:,} of {records:,} records", end="" if done < records else "\n", file=sys.stderr, flush=True
        )

    return build(path, Life.in_words_of(model), records, model.name, SentenceEmbedder.open(model).dimensions, tell)


def build(path: Path, life: Life, count: int, model: str, dimensions: int, tell: Callable[[int], None]) -> int:
    """Make a store of `count` records with random vectors, one a passage; returns the bytes of its texts.

    The vectors point anywhere: no record is near a question in meaning. Search compares them all the same, since it
    reads every vector's bits.

    Args:
        path: of the store, which must not exist.
        life: whose records.
        count: how many.
        model: whose vectors they are said to be.
        dimensions: of a vector.
        tell: is called with the number of records done.
    """
    SqliteContextStore(path).close()
    rng = np.random.default_rng(count)
    text_bytes = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous = off", "cache_size = -200000", "wal_autocheckpoint = 20000"):
            connection.execute(f"PRAGMA {pragma}")
        reembedding.want(connection, model)
        number = reembedding.model_id(connection, model)
        records, done = life.records(count), 0
        while page := list(islice(records, _PAGE)):
            connection.execute("BEGIN")
            rows = [
                (done + place, item.key, item.record.sensitivity.value, *items.to_row(item))
                for place, item in enumerate(page, start=1)
            ]
            connection.executemany(_RECORDS, rows)
            _add_vectors(connection, rng, number, dimensions, list(_passages(page, done)))
            connection.execute("DELETE FROM unembedded")
            connection.execute("COMMIT")
            text_bytes += sum(_text_bytes(item) for item in page)
            done += len(page)
            tell(done)
        people.note_all(connection)
        clues.note_all(connection)
        reembedding.drop_former(connection, model, limit=1)  # nothing to drop: it notes that the model is complete
        connection.execute("PRAGMA wal_checkpoint(truncate)")
        connection.execute("PRAGMA optimize")
    return text_bytes


def _passages(page: list[Item], done: int) -> Iterator[int]:
    """The id of each record, as often as it has passages."""
    for place, item in enumerate(page, start=1):
        yield from [done + place] * (1 + len(item.record.body) // _PASSAGE_CHARACTERS)


def _add_vectors(
    connection: sqlite3.Connection, rng: np.random.Generator, model: int, dimensions: int, record_ids: list[int]
) -> None:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM vectors").fetchone()
    stored = rng.integers(-127, 128, (len(record_ids), dimensions), dtype=np.int8)
    bits = np.packbits(stored > 0, axis=1)
    numbered = list(enumerate(record_ids, start=last + 1))
    connection.executemany(
        "INSERT INTO vectors VALUES (?, ?, ?, ?)",
        ((number, record, model, row.tobytes()) for (number, record), row in zip(numbered, stored, strict=True)),
    )
    connection.executemany(
        "INSERT INTO codes VALUES (?, ?, ?)",
        ((number, model, row.tobytes()) for (number, _), row in zip(numbered, bits, strict=True)),
    )


def _text_bytes(item: Item) -> int:
    record = item.record
    return len(f"{record.title}{record.body}{record.place}{''.join(record.people)}".encode())
