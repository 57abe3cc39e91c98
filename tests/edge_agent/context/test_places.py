"""The places of common words, which are looked for in the texts, are those that the index has."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.places import places
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.vocabulary import Word, prepare, stems
from orchestrator.types import Record

WORDS = (
    "garden",
    "gardens",
    "gardening",
    "Crêpes",
    "crepe",
    "happy",
    "happily",
    "Zoë",
    "run",
    "running",
    "straße",
    "x1",
)


def found(connection: sqlite3.Connection, words: list[Word], ids: list[int]) -> Counter[tuple[int, int, str]]:
    """Word, record and column of each place. What counts as a word before it, the two ways see differently."""
    return Counter((place.word, place.record_id, place.column) for place in places(connection, words, ids))


@settings(max_examples=25)
@given(st.lists(st.lists(st.sampled_from([*WORDS, "the", "—"]), min_size=1, max_size=12), min_size=1, max_size=6))
def test_both_ways_find_the_same(bodies: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, SqliteContextStore(Path(folder, "context.db")) as store:
        ids = [
            store.add(Record(kind="note", title=body[0], body=" ".join(body), people=(f"{body[-1]} Example",)))
            for body in bodies
        ]
        with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
            prepare(connection)
            known = zip(WORDS, stems(connection, WORDS), strict=True)
            rare = [Word(word.lower(), stem, 1, False) for word, stem in known]
            common = [replace(word, common=True) for word in rare]
            assert found(connection, rare, ids) == found(connection, common, ids)


def test_offsets_count_the_words_before(store: SqliteContextStore) -> None:
    number = store.add(Record(kind="note", body="We run in the happy garden"))
    with store._database.lend() as db:
        for common in (False, True):
            words = [Word("happily", "happili", 1, common), Word("happy", "happi", 1, common)]
            assert list(places(db.conn, words, [number])) == [(1, number, "body", 4)]
