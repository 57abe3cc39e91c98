"""What stands for a record when it is embedded, and that interruption loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.meaning import Text, passages
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record


class Letters:
    """An embedder without weights: how often each letter comes."""

    name = "letters"
    dimensions = 64

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                counts[row, ord(letter) % self.dimensions] += 1
        scaled: np.ndarray = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
        return scaled


def test_records_are_embedded_in_batches_until_none_is_left(tmp_path: Path) -> None:
    with SqliteContextStore(tmp_path / "context.db", embedder=Letters()) as store:
        for number in range(10):
            store.add(Record(kind="note", title=f"note {number}"))
        counts = [store.embed_missing(limit=4) for _ in range(4)]
        assert counts == [4, 4, 2, 0]
        assert store.stats().embedded == {"letters": 10}


def test_a_record_that_changes_while_the_model_computes_is_taken_on_again(tmp_path: Path) -> None:
    """And the store is free for it: the embedder itself writes here."""

    class Slow(Letters):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            if "old" in texts[0]:
                store.put(
                    [Item(Record(kind="note", body="new"), key="k"), Item(Record(kind="note", body="x"), key="l")]
                )
            return super().embed(texts)

    with SqliteContextStore(tmp_path / "context.db", embedder=Slow()) as store:
        store.put([Item(Record(kind="note", body="old"), key="k")])
        assert (store.embed_missing(), store.count_missing()) == (1, 2)
        assert (store.embed_missing(), store.count_missing()) == (2, 0)


def test_two_at_once_embed_a_record_once(tmp_path: Path) -> None:
    class Overtaken(Letters):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            with SqliteContextStore(tmp_path / "context.db", embedder=Letters()) as other:
                other.embed_missing()
            return super().embed(texts)

    with SqliteContextStore(tmp_path / "context.db", embedder=Overtaken()) as store:
        store.add(Record(kind="note", body="once"))
        store.embed_missing()
    with closing(sqlite3.connect(tmp_path / "context.db")) as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (1,)


def test_a_store_without_an_embedder_embeds_nothing(store: SqliteContextStore) -> None:
    store.add(Record(kind="note", title="alone"))
    assert (store.embed_missing(), store.count_missing(), store.stats().embedded) == (0, 0, {})


def test_a_record_is_ranked_by_meaning_where_words_say_nothing(tmp_path: Path, monday: datetime) -> None:
    with SqliteContextStore(tmp_path / "context.db", embedder=Letters()) as store:
        store.add(Record(kind="note", body="zzzz qqqq"))
        near = store.add(Record(kind="note", body="abcabc cab"))
        while store.embed_missing():
            pass
        assert store.ranked("cabba abc", limit=1, now=monday)[0].record.id == near


def test_a_message_stands_for_itself_and_a_mail_has_its_subject() -> None:
    assert passages(Text(1, "chat", "Family", "See you at six.", "")) == ["See you at six."]
    assert passages(Text(1, "mail", "Boiler", "They come on Monday.", "")) == ["Boiler. They come on Monday."]
    assert passages(Text(1, "event", "Dentist", "", "Lindenstraße 4")) == ["Dentist, Lindenstraße 4"]


@given(st.text(alphabet="ab .\n", max_size=4000))
def test_pieces_are_short_and_hold_every_word(body: str) -> None:
    pieces = passages(Text(1, "note", "", body, ""))
    assert all(len(piece) <= 1700 for piece in pieces)
    letters = sum(len(piece) - piece.count(" ") for piece in pieces)
    assert letters >= len("".join(body.split()))
