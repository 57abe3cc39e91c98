"""The records' vectors: kept in the store beside the records, searched in memory.

A vector is kept twice: as signed bytes, and as bits (`codes`), one for the sign of each dimension. The bits of all
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

from edge_agent.context.forgetting import removals

Vector = NDArray[np.float32]
_Words = NDArray[np.uint64]

_RESCORED: Final = 5
"""For each vector that is wanted, so many are compared exactly."""
_LEAST_RESCORED: Final = 500
_SLICE: Final = 8192
"""Vectors whose bits are compared at once: they stay in the processor's cache."""
_SAMPLE: Final = 4096
_PAGE: Final = 20_000

_LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'vectors'"
_INSERT = "INSERT INTO vectors (id, record_id, model_id, bytes) VALUES (?, ?, ?, ?)"
_INSERT_CODE = "INSERT INTO codes (id, model_id, bits) VALUES (?, ?, ?)"
_NEWER = "SELECT id, bits FROM codes WHERE id > ? AND model_id = ? ORDER BY id LIMIT ?"
_EXACT = "SELECT record_id, bytes FROM vectors WHERE id IN (SELECT value FROM json_each(?))"
_OF_RECORDS = """
SELECT record_id, bytes FROM vectors WHERE model_id = ? AND record_id IN (SELECT value FROM json_each(?))
"""
_HAVING = """
SELECT DISTINCT record_id FROM vectors WHERE model_id = ? AND record_id IN (SELECT value FROM json_each(?))
"""
_PAGE_OF = f"SELECT id, bytes, bits FROM vectors LEFT JOIN codes USING (id) WHERE id > ? ORDER BY id LIMIT {_PAGE}"


def pack(vector: Vector) -> tuple[bytes, bytes]:
    """A vector of length 1 as signed bytes (127 is its largest part) and as bits."""
    largest = float(np.abs(vector).max()) or 1.0
    return np.rint(vector / largest * 127).astype(np.int8).tobytes(), np.packbits(vector > 0).tobytes()


def keep(connection: sqlite3.Connection, model_id: int, vectors: Iterable[tuple[int, Vector]]) -> None:
    """Keep the vectors of records, by record id; a record may have several, one a part of its text.

    Inside a transaction: the numbers that they get are taken from the table.
    """
    (last,) = connection.execute(_LAST).fetchone()
    rows = [(number, record_id, *pack(vector)) for number, (record_id, vector) in enumerate(vectors, start=last + 1)]
    connection.executemany(_INSERT, ((number, record_id, model_id, stored) for number, record_id, stored, _ in rows))
    connection.executemany(_INSERT_CODE, ((number, model_id, bits) for number, _, _, bits in rows))


def having(connection: sqlite3.Connection, model_id: int, ids: Sequence[int]) -> set[int]:
    """Which of the records `ids` have vectors of that model."""
    return {row[0] for row in connection.execute(_HAVING, (model_id, json.dumps(list(ids))))}


def cosines(connection: sqlite3.Connection, model_id: int, question: Vector, ids: Sequence[int]) -> dict[int, float]:
    """How close each record of `ids` is to the question, -1 to 1; what has no vector is left out."""
    return _closest(connection.execute(_OF_RECORDS, (model_id, json.dumps(list(ids)))), question)


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

    def __init__(self, model_id: int) -> None:
        self.model_id = model_id
        self._ids: NDArray[np.int64]
        self._bits: _Words
        self._held: int
        self._last: int
        self._let_go()
        self._removals = 0
        self._lock = threading.Lock()

    def catch_up(self, connection: sqlite3.Connection) -> None:
        """Read the vectors that were written since; where records were removed, all anew: theirs do not stay here."""
        with self._lock:
            if (removed := removals(connection)) != self._removals:
                self._let_go()
                self._removals = removed
            while rows := connection.execute(_NEWER, (self._last, self.model_id, _PAGE)).fetchall():
                bits = np.frombuffer(b"".join(row[1] for row in rows), np.uint64).reshape(len(rows), -1)
                self._make_room(len(rows), bits.shape[1])
                self._ids[self._held : self._held + len(rows)] = [row[0] for row in rows]
                self._bits[:, self._held : self._held + len(rows)] = bits.T
                self._held += len(rows)
                self._last = rows[-1][0]

    def nearest(self, connection: sqlite3.Connection, question: Vector, *, limit: int) -> dict[int, float]:
        """The records closest to the question by cosine, with it, the closest first."""
        self.catch_up(connection)
        with self._lock:
            ids, bits = self._ids[: self._held], self._bits[:, : self._held]
        if not len(ids):
            return {}
        asked = np.packbits(question > 0).view(np.uint64)
        wanted = min(len(ids), max(_LEAST_RESCORED, _RESCORED * limit))
        places = _most_alike(bits, asked, wanted)
        return _closest(connection.execute(_EXACT, (json.dumps(ids[places].tolist()),)), question, limit=limit)

    def _let_go(self) -> None:
        self._ids, self._bits = np.empty(0, np.int64), np.empty((0, 0), np.uint64)
        self._held = self._last = 0

    def _make_room(self, count: int, width: int) -> None:
        """Grow by a quarter at a time. Readers keep the arrays that they took."""
        needed = self._held + count
        if needed <= len(self._ids):
            return
        room = needed + needed // 4
        ids, bits = np.empty(room, np.int64), np.empty((width, room), np.uint64)
        ids[: self._held] = self._ids[: self._held]
        if self._held:
            bits[:, : self._held] = self._bits[:, : self._held]
        self._ids, self._bits = ids, bits


def _most_alike(bits: _Words, asked: _Words, wanted: int) -> NDArray[np.int64]:
    """Places of the `wanted` columns of `bits` in which the fewest bits differ from `asked`, of equals the first."""
    differing = _differing(bits, asked)
    if wanted == len(differing):
        return np.arange(wanted)
    # A sample says how few bits make enough of them; only these are counted and sorted.
    sample = np.sort(differing[:: max(1, len(differing) // _SAMPLE)])
    enough = sample[min(len(sample) - 1, 2 * wanted * len(sample) // len(differing) + _SAMPLE // 100)]
    places = np.flatnonzero(differing <= enough)
    if len(places) < wanted:
        places = np.arange(len(differing))
    return places[np.argsort(differing[places], kind="stable")[:wanted]]


def _differing(bits: _Words, asked: _Words) -> NDArray[np.uint16]:
    """In how many bits each column of `bits`, `[words, vectors]`, differs from `asked`, `[words]`."""
    differing = np.empty(bits.shape[1], np.uint16)
    other, count = np.empty((len(asked), _SLICE), np.uint64), np.empty((len(asked), _SLICE), np.uint8)
    for start in range(0, len(differing), _SLICE):
        part = bits[:, start : start + _SLICE]
        size = part.shape[1]
        np.bitwise_xor(part, asked[:, None], out=other[:, :size])
        np.bitwise_count(other[:, :size], out=count[:, :size])
        np.add.reduce(count[:, :size], axis=0, dtype=np.uint16, out=differing[start : start + size])
    return differing


def _closest(rows: Iterable[tuple[int, bytes]], question: Vector, *, limit: int | None = None) -> dict[int, float]:
    """Record id → cosine to the question, of the closest of its vectors; the `limit` closest records first."""
    found = list(rows)
    if not found:
        return {}
    stored = np.frombuffer(b"".join(row[1] for row in found), np.int8).reshape(len(found), -1).astype(np.float32)
    closeness = (stored @ question) / np.sqrt(np.einsum("vd,vd->v", stored, stored))
    closest: dict[int, float] = {}
    for place in np.argsort(-closeness, kind="stable").tolist():
        if len(closest) == limit:
            break
        closest.setdefault(found[place][0], float(closeness[place]))
    return closest
