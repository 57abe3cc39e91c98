"""Vectors beside records: the search in memory finds what comparing everything finds, and follows every change."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.vectors import VectorIndex, cosines, keep, pack
from edge_agent.driver import Encryption, Opener
from orchestrator.types import Record

MODEL = 1


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    made = rng.standard_normal((count, 384)).astype(np.float32)
    scaled: np.ndarray = made / np.linalg.norm(made, axis=1, keepdims=True)
    return scaled


@pytest.fixture
def connection(store: SqliteContextStore, encryption: Encryption) -> sqlite3.Connection:
    store.put(Item(Record(kind="note", body=f"note {number}"), key=f"note:{number}") for number in range(900))
    made = Opener(store.path, encryption, busy_timeout_s=1.0).connect()
    made.execute("INSERT INTO embedding_models (id, name) VALUES (?, 'tests')", (MODEL,))
    return made


def test_the_nearest_are_those_that_comparing_everything_finds(connection: sqlite3.Connection) -> None:
    vectors = unit(np.random.default_rng(3), 900)
    keep(connection, MODEL, zip(range(1, 901), vectors, strict=True))
    index = VectorIndex(MODEL)
    shares = []
    for question in vectors[::90] * 0.7 + unit(np.random.default_rng(4), 10) * 0.7:
        exact = {int(number) + 1 for number in np.argsort(-(vectors @ question))[:8]}
        shares.append(len(exact & index.nearest(connection, question, limit=8).keys()) / 8)
    assert np.mean(shares) > 0.9


def test_the_index_follows_what_is_added_and_forgets_what_is_removed(
    store: SqliteContextStore, connection: sqlite3.Connection
) -> None:
    first, second = unit(np.random.default_rng(5), 2)
    index = VectorIndex(MODEL)
    keep(connection, MODEL, [(7, first)])
    connection.commit()
    assert list(index.nearest(connection, first, limit=3)) == [7]
    keep(connection, MODEL, [(9, second)])
    connection.commit()
    assert list(index.nearest(connection, second, limit=1)) == [9]
    store.forget(9)
    assert list(index.nearest(connection, second, limit=3)) == [7]
    assert index._held == 1


def test_of_several_parts_the_closest_counts(connection: sqlite3.Connection) -> None:
    near, far = unit(np.random.default_rng(7), 2)
    keep(connection, MODEL, [(1, far), (1, near)])
    assert cosines(connection, MODEL, near, [1, 2])[1] == pytest.approx(1.0, abs=0.01)


@pytest.mark.plain_file
def test_a_forgotten_record_leaves_no_vector_in_the_file(store: SqliteContextStore, tmp_path: Path) -> None:
    record = store.add(Record(kind="note", body="secret"))
    vector = unit(np.random.default_rng(8), 1)[0]
    with sqlite3.connect(store.path) as connection:
        connection.execute("INSERT INTO embedding_models (id, name) VALUES (?, 'tests')", (MODEL,))
        keep(connection, MODEL, [(record, vector)])
    store.forget(record)
    stored, _ = pack(vector)
    assert all(stored[:64] not in file.read_bytes() for file in tmp_path.iterdir())


@given(arrays(np.float32, 384, elements=st.floats(-1, 1, width=32)))
def test_any_vector_can_be_packed(vector: np.ndarray) -> None:
    stored, bits = pack(vector)
    assert (len(stored), len(bits)) == (384, 48)
    largest = float(np.abs(vector).max()) or 1.0
    back = np.frombuffer(stored, np.int8) * (largest / 127)
    assert np.abs(back - vector).max() <= largest / 127
