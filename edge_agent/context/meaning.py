"""Closeness in meaning: an embedding model, and the records' vectors that it made."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.context import vectors
from edge_agent.context.vectors import Vector, VectorIndex
from orchestrator.ports import Embedder

_PIECE: Final = 800
"""Characters: about 180 tokens, of the 256 that the model reads."""
_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_RECORDS = "SELECT id, kind, title, body, place FROM records WHERE id IN (SELECT value FROM json_each(?))"


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

    def embed_missing(self, connection: sqlite3.Connection, *, limit: int) -> int:
        """Embed up to `limit` records that have no vector yet, the newest first, inside the caller's transaction.

        Returns:
            How many records were embedded; 0 when all have their vectors.

        Raises:
            InferenceFailed: the model failed.
        """
        ids = vectors.without(connection, self.embedder.name, limit=limit)
        parts = [(record_id, text) for record_id, texts in _texts(connection, ids) for text in texts]
        made = self._vectors([text for _, text in parts])
        vectors.keep(connection, self.embedder.name, zip((record_id for record_id, _ in parts), made, strict=True))
        return len(ids)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self.embedder.embed(texts), dtype=np.float32)


def _texts(connection: sqlite3.Connection, ids: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    rows = connection.execute(_RECORDS, (json.dumps(list(ids)),))
    return ((record_id, passages(kind, title, body, place)) for record_id, kind, title, body, place in rows)


def passages(kind: str, title: str, body: str, place: str) -> list[str]:
    """The texts that stand for a record: one, or for a long one several that overlap by a sentence.

    People are left out: who wrote a record is compared apart.
    """
    if kind == "chat" and body:
        title = ""
    heading = ", ".join(part for part in (title, place) if part)
    pieces = _pieces(body) or [""]
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
