"""Closeness in meaning: an embedding model, and the records' vectors that it made."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.context import reembedding, vectors
from edge_agent.context.vectors import Vector, VectorIndex
from orchestrator.ports import Embedder

_PIECE: Final = 800
"""Characters: about 180 tokens, of the 256 that the model reads."""
_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_RECORDS = "SELECT id, kind, title, body, place FROM records WHERE id IN (SELECT value FROM json_each(?))"


class Text(NamedTuple):
    """What is embedded of a record."""

    id: int
    kind: str
    title: str
    body: str
    place: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's vector."""

    vector: Vector
    index: VectorIndex

    def nearest(self, connection: sqlite3.Connection, *, limit: int) -> dict[int, float]:
        """Record id → cosine, of the records closest to the question."""
        return self.index.nearest(connection, self.vector, limit=limit)

    def cosines(self, connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, float]:
        """The cosines of certain records; one without a vector is left out."""
        return vectors.cosines(connection, self.index.model_id, self.vector, ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to embed: with which models each."""

    texts: list[Text]
    models: list[tuple[str, frozenset[int]]]
    """A model's name, and the records that it lacks."""


Made = list[tuple[str, Text, NDArray[np.float32]]]
"""A model's name, a record, and its vectors `[passages, dimensions]`."""


class Meaning:
    """An embedder and the index of its vectors; and, while records are embedded anew, that of the former model.

    Until every record has a vector of the embedder's, questions are compared with those of the model that was used
    before, if it can still be had, and what is new gets a vector of each.
    """

    def __init__(self, embedder: Embedder, former: Callable[[str], Embedder | None] = lambda _: None) -> None:
        """`former` opens the model of that name which was used before; None where it is here no more."""
        self._embedder = embedder
        self._open_former = cache(former)
        self._index = VectorIndex(0)
        self._lock = threading.Lock()

    def of_question(self, connection: sqlite3.Connection, text: str) -> Asked:
        """The question's vector, ready to compare.

        Raises:
            InferenceFailed: the model failed.
        """
        embedder = self._serving(connection)
        return Asked(_vectors(embedder, [text])[0], self._index_of(connection, embedder.name))

    def load(self, connection: sqlite3.Connection) -> None:
        """Read the index into memory, so that no question waits for it."""
        self._index_of(connection, self._serving(connection).name).catch_up(connection)

    def count_missing(self, connection: sqlite3.Connection) -> int:
        """How many records await their vectors."""
        return reembedding.count_waiting(connection, self._embedder.name)

    def is_wanted(self, connection: sqlite3.Connection) -> bool:
        """Whether it is this embedder that the store awaits vectors of."""
        return reembedding.is_wanted(connection, self._embedder.name)

    def want(self, connection: sqlite3.Connection) -> None:
        """Have the store await vectors of this embedder; inside a transaction."""
        reembedding.want(connection, self._embedder.name)

    def missing(self, connection: sqlite3.Connection, *, limit: int) -> Batch:
        """Up to `limit` records that await their vectors, the newest first."""
        texts = _texts(connection, reembedding.waiting(connection, limit=limit))
        names = dict.fromkeys((self._embedder.name, self._serving(connection).name))
        ids = [text.id for text in texts]
        lacking = (
            frozenset(ids) - vectors.having(connection, reembedding.model_id(connection, name), ids) for name in names
        )
        return Batch(texts, list(zip(names, lacking, strict=True)))

    def embed(self, batch: Batch) -> Made:
        """Their vectors. It takes a while and needs no database.

        Raises:
            InferenceFailed: the model failed.
        """
        made: Made = []
        for name, ids in batch.models:
            embedder = self._embedder if name == self._embedder.name else self._open_former(name)
            texts = [text for text in batch.texts if text.id in ids]
            parts = [passages(text) for text in texts]
            if embedder is None or not texts:
                continue
            rows = iter(_vectors(embedder, [part for pieces in parts for part in pieces]))
            made += [
                (name, text, np.stack(list(islice(rows, len(pieces)))))
                for text, pieces in zip(texts, parts, strict=True)
            ]
        return made

    def keep(self, connection: sqlite3.Connection, batch: Batch, made: Made) -> None:
        """Keep the vectors of the records that still read as they did; inside a transaction.

        What somebody else has embedded since is left out, and what has changed since goes on waiting.
        """
        still = set(batch.texts).intersection(_texts(connection, [text.id for text in batch.texts]))
        for name, _ in batch.models:
            model = reembedding.model_id(connection, name)
            if not model:
                continue  # a former model that has been removed since
            own = {text: rows for of, text, rows in made if of == name and text in still}
            had = vectors.having(connection, model, [text.id for text in own])
            vectors.keep(
                connection, model, ((text.id, row) for text, rows in own.items() if text.id not in had for row in rows)
            )
        if self.is_wanted(connection):
            reembedding.settle(connection, [text.id for text in still])

    def is_finished(self, connection: sqlite3.Connection) -> bool:
        """Whether there is nothing to embed, and nothing left of former models."""
        return reembedding.is_finished(connection, self._embedder.name)

    def drop_former(self, connection: sqlite3.Connection, *, limit: int) -> bool:
        """Remove some of former models' vectors, once nothing is missing; whether there may be more.

        Inside a transaction.
        """
        return reembedding.drop_former(connection, self._embedder.name, limit=limit)

    def _serving(self, connection: sqlite3.Connection) -> Embedder:
        name = reembedding.serving(connection)
        if name is None or name == self._embedder.name:
            return self._embedder
        return self._open_former(name) or self._embedder

    def _index_of(self, connection: sqlite3.Connection, model: str) -> VectorIndex:
        number = reembedding.model_id(connection, model)
        with self._lock:
            if self._index.model_id != number:
                self._index = VectorIndex(number)
            return self._index


def _vectors(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return np.asarray(embedder.embed(texts), dtype=np.float32)


def _texts(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Text]:
    return [Text(*row) for row in connection.execute(_RECORDS, (json.dumps(list(ids)),))]


def passages(text: Text) -> list[str]:
    """The texts that stand for a record: one, or for a long one several that overlap by a sentence.

    People are left out: who wrote a record is compared apart.
    """
    title = "" if text.kind == "chat" and text.body else text.title
    heading = ", ".join(part for part in (title, text.place) if part)
    pieces = _pieces(text.body) or [""]
    return [f"{heading}. {piece}" if heading and piece else heading or piece for piece in pieces]


def _pieces(body: str) -> list[str]:
    """`body` in pieces of up to `_PIECE` characters that begin and end with a sentence, where it has any."""
    pieces: list[str] = []
    current: list[str] = []
    for sentence in _sentences(body):
        if current and sum(map(len, current)) + len(sentence) > _PIECE:
            pieces.append(" ".join(current))
            current = current[-1:] if len(current[-1]) < _PIECE // 2 else []
        current.append(sentence)
    return [*pieces, " ".join(current)] if current else pieces


def _sentences(body: str) -> Iterator[str]:
    for sentence in _END.split(body):
        yield from (sentence[start : start + _PIECE].strip() for start in range(0, len(sentence.strip()), _PIECE))
