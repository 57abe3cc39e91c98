"""The records' vectors: kept in the store beside the records, searched in memory.

A vector is kept twice: as 384 signed bytes, and as 384 bits, one for the sign of each dimension. The bits of all
records are held in memory and compared with the question's by the number of bits that differ (Charikar 2002); the best
few hundred are then compared exactly. That search reads every record's bits, so it finds what an index could miss, and
has nothing to build.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
_Words = NDArray[np.uint64]

_RESCORED: Final = 8
"""For each vector that is wanted, so many are compared exactly."""
_LEAST_RESCORED: Final = 256
_SLICE: Final = 16_384
"""Vectors whose bits are compared at once: they stay in the processor's cache."""
_PAGE: Final = 20_000

_INSERT = "INSERT INTO vectors (record_id, model, bytes, bits) VALUES (?, ?, ?, ?)"
_NEWER = "SELECT id, record_id, bits FROM vectors WHERE id > ? AND model = ? ORDER BY id LIMIT ?"
_EXACT = "SELECT record_id, bytes FROM vectors WHERE id IN (SELECT value FROM json_each(?))"
_OF_RECORDS = "SELECT record_id, bytes FROM vectors WHERE model = ? AND record_id IN (SELECT value FROM json_each(?))"
_LACKING = """
FROM records WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.record_id = records.id AND vectors.model = ?)
"""
_PAGE_OF = f"SELECT id, bytes, bits FROM vectors WHERE id > ? ORDER BY id LIMIT {_PAGE}"
_COUNT_WITHOUT = f"SELECT count(*) {_LACKING}"
_WITHOUT = f"SELECT id {_LACKING} ORDER BY id DESC LIMIT ?"
_WITHOUT_OF = f"SELECT id {_LACKING} AND id IN (SELECT value FROM json_each(?))"


def pack(vector: Vector) -> tuple[bytes, bytes]:
    """A vector of length 1 as signed bytes (127 is its largest part) and as bits."""
    largest = float(np.abs(vector).max()) or 1.0
    return np.rint(vector * (127 / largest)).astype(np.int8).tobytes(), np.packbits(vector > 0).tobytes()


def keep(connection: sqlite3.Connection, model: str, vectors: Iterable[tuple[int, Vector]]) -> None:
    """Keep the vectors of records, by record id; a record may have several, one a part of its text."""
    connection.executemany(_INSERT, ((record_id, model, *pack(vector)) for record_id, vector in vectors))


def without(connection: sqlite3.Connection, model: str, *, limit: int) -> list[int]:
    """Ids of records that have no vector of `model` yet, the newest first."""
    return [row[0] for row in connection.execute(_WITHOUT, (model, limit))]


def lacking(connection: sqlite3.Connection, model: str, ids: Sequence[int]) -> list[int]:
    """Which of `ids` are of records that have no vector of `model`."""
    return [row[0] for row in connection.execute(_WITHOUT_OF, (model, json.dumps(list(ids))))]


def count_without(connection: sqlite3.Connection, model: str) -> int:
    """How many records have no vector of `model`."""
    (count,) = connection.execute(_COUNT_WITHOUT, (model,)).fetchone()
    return int(count)


def cosines(connection: sqlite3.Connection, model: str, question: Vector, ids: Sequence[int]) -> dict[int, float]:
    """How close each record of `ids` is to the question, -1 to 1; what has no vector is left out."""
    return _closest(connection.execute(_OF_RECORDS, (model, json.dumps(list(ids)))), question)


def torn(connection: sqlite3.Connection) -> list[int]:
    """Ids of vectors whose two forms do not agree any more: the file was damaged where one of them lies."""
    found: list[int] = []
    last = 0
    while rows := connection.execute(_PAGE_OF, (last,)).fetchall():
        found += _torn(rows)
        last = rows[-1][0]
    return found


def _torn(rows: Sequence[tuple[int, object, object]]) -> Iterator[int]:
    """Of the rows, those whose bits are not the signs of their bytes; a byte of 0 was a little more, or less."""
    whole: list[tuple[int, bytes, bytes]] = []
    for row_id, parts, bits in rows:
        if isinstance(parts, bytes) and isinstance(bits, bytes) and 0 < len(parts) == 8 * len(bits):
            whole.append((row_id, parts, bits))
        else:
            yield row_id
    if not whole:
        return
    signed = np.frombuffer(b"".join(parts for _, parts, _ in whole), np.int8)
    positive = np.unpackbits(np.frombuffer(b"".join(bits for _, _, bits in whole), np.uint8)).astype(bool)
    differs = np.where(positive, signed < 0, signed > 0)
    starts = np.cumsum([0, *(len(parts) for _, parts, _ in whole[:-1])])
    yield from (row[0] for row, odd in zip(whole, np.logical_or.reduceat(differs, starts), strict=True) if odd)


class VectorIndex:
    """The bits of one model's vectors, in memory: 56 bytes a vector. It follows what other processes write."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._bits: _Words = np.empty((0, 0), np.uint64)
        self._held = 0
        self._last = 0
        self._lock = threading.Lock()

    def nearest(self, connection: sqlite3.Connection, question: Vector, *, limit: int) -> dict[int, float]:
        """The records closest to the question by cosine, with it, the closest first."""
        with self._lock:
            self._catch_up(connection)
            ids, bits = self._ids[: self._held], self._bits[: self._held]
        if not len(ids):
            return {}
        asked = np.packbits(question > 0).view(np.uint64)
        wanted = min(len(ids), max(_LEAST_RESCORED, _RESCORED * limit))
        places = _most_alike(bits, asked, wanted)
        found = _closest(connection.execute(_EXACT, (json.dumps(ids[places].tolist()),)), question)
        best = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
        return dict(best[:limit])

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Read the vectors that were written since. Those of forgotten records stay, and are found no more."""
        while rows := connection.execute(_NEWER, (self._last, self._model, _PAGE)).fetchall():
            bits = np.frombuffer(b"".join(row[2] for row in rows), np.uint64).reshape(len(rows), -1)
            self._make_room(len(rows), bits.shape[1])
            self._ids[self._held : self._held + len(rows)] = [row[0] for row in rows]
            self._bits[self._held : self._held + len(rows)] = bits
            self._held += len(rows)
            self._last = rows[-1][0]

    def _make_room(self, count: int, width: int) -> None:
        """Grow by a quarter at a time. Readers keep the arrays that they took."""
        needed = self._held + count
        if needed <= len(self._ids):
            return
        room = needed + needed // 4
        ids, bits = np.empty(room, np.int64), np.empty((room, width), np.uint64)
        ids[: self._held] = self._ids[: self._held]
        if self._held:
            bits[: self._held] = self._bits[: self._held]
        self._ids, self._bits = ids, bits


def _most_alike(bits: _Words, asked: _Words, wanted: int) -> NDArray[np.int64]:
    """Places of the `wanted` rows of `bits` in which the fewest bits differ from `asked`."""
    differing = np.empty(len(bits), np.uint16)
    for start in range(0, len(bits), _SLICE):
        part = bits[start : start + _SLICE]
        differing[start : start + len(part)] = np.bitwise_count(part ^ asked).sum(axis=1, dtype=np.uint16)
    if wanted == len(bits):
        return np.arange(len(bits))
    # All that differ in fewer bits than the `wanted`th, and of those that differ in as many, the first ones.
    limit = int(np.searchsorted(np.cumsum(np.bincount(differing)), wanted))
    nearer, equal = np.flatnonzero(differing < limit), np.flatnonzero(differing == limit)
    return np.concatenate([nearer, equal[: wanted - len(nearer)]])


def _closest(rows: Iterable[tuple[int, bytes]], question: Vector) -> dict[int, float]:
    """Record id → cosine to the question, of the closest of its vectors."""
    found = list(rows)
    if not found:
        return {}
    stored = np.frombuffer(b"".join(row[1] for row in found), np.int8).reshape(len(found), -1).astype(np.float32)
    closeness = (stored @ question) / np.linalg.norm(stored, axis=1)
    best: dict[int, float] = {}
    for (record_id, _), cosine in zip(found, closeness.tolist(), strict=True):
        best[record_id] = max(cosine, best.get(record_id, -1.0))
    return best
