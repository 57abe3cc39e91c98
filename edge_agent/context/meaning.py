"""Closeness in meaning: an embedding model, and the records' vectors that it made."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.context import vectors
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
    model: str
    index: VectorIndex

    def nearest(self, connection: sqlite3.Connection, *, limit: int) -> dict[int, float]:
        """Record id → cosine, of the records closest to the question."""
        return self.index.nearest(connection, self.vector, limit=limit)

    def cosines(self, connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, float]:
        """The cosines of certain records; one without a vector is left out."""
        return vectors.cosines(connection, self.model, self.vector, ids)


class Meaning:
    """An embedder and the index of its vectors."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._index = VectorIndex(embedder.name)

    def of_question(self, text: str) -> Asked:
        """The question's vector, ready to compare.

        Raises:
            InferenceFailed: the model failed.
        """
        return Asked(self._vectors([text])[0], self.embedder.name, self._index)

    def count_missing(self, connection: sqlite3.Connection) -> int:
        """How many records have no vector of this model."""
        return vectors.count_without(connection, self.embedder.name)

    def missing(self, connection: sqlite3.Connection, *, limit: int) -> list[Text]:
        """Up to `limit` records that have no vector of this model yet, the newest first."""
        return _texts(connection, vectors.without(connection, self.embedder.name, limit=limit))

    def embed(self, texts: Sequence[Text]) -> list[tuple[Text, NDArray[np.float32]]]:
        """Each with its vectors, [passages, dimensions]. It takes a while and needs no database.

        Raises:
            InferenceFailed: the model failed.
        """
        parts = [passages(text) for text in texts]
        made = iter(self._vectors([part for pieces in parts for part in pieces]))
        return [(text, np.stack(list(islice(made, len(pieces))))) for text, pieces in zip(texts, parts, strict=True)]

    def keep(self, connection: sqlite3.Connection, made: Sequence[tuple[Text, NDArray[np.float32]]]) -> None:
        """Keep the vectors of the records that still read as they did, and that nobody else has embedded since."""
        ids = vectors.lacking(connection, self.embedder.name, [text.id for text, _ in made])
        still = set(_texts(connection, ids))
        kept = [(text.id, vector) for text, rows in made if text in still for vector in rows]
        vectors.keep(connection, self.embedder.name, kept)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self.embedder.embed(texts), dtype=np.float32)


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
