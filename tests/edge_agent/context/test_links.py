"""Conversations survive an export and an import, with what their answers were made from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.conversations import Exchange
from edge_agent.context.importers import import_paths
from edge_agent.context.links import Links
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record, Sensitivity

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TABLES = ("answers", "answer_records", "conversations")


@pytest.fixture
def talked(store: SqliteContextStore) -> SqliteContextStore:
    """A store with a conversation of two questions, over two records."""
    keys, boiler = (store.get(store.add(Record(kind="note", body=body))) for body in ("keys in the pot", "boiler man"))
    talk = store.conversations
    talk.add("c1", Exchange("Where are my keys?", "In the pot.", NOW, Sensitivity.PERSONAL, (boiler, keys)))
    talk.add("c1", Exchange("Thanks!", "Gladly.", NOW, Sensitivity.PRIVATE))
    talk.rename("c1", "Keys")
    return store


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SqliteContextStore]:
    with SqliteContextStore(tmp_path / "other.db") as opened:
        yield opened


def tables(store: SqliteContextStore) -> dict[str, list[Any]]:
    def read(connection: sqlite3.Connection) -> dict[str, list[Any]]:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}

    return store.look(read)


def carry(store: SqliteContextStore, other: SqliteContextStore, folder: Path) -> Any:
    file = folder / "life.jsonl"
    file.write_text("".join(f"{line}\n" for line in store.export()), encoding="utf-8")
    return import_paths(other, [file])


def test_a_conversation_is_carried_over_whole(
    talked: SqliteContextStore, other: SqliteContextStore, tmp_path: Path
) -> None:
    assert carry(talked, other, tmp_path).added == 6
    assert list(other.export()) == list(talked.export())
    assert tables(other) == tables(talked)
    assert len(tables(other)["answer_records"]) == 2
    assert list(other.conversations.exchanges("c1")) == list(talked.conversations.exchanges("c1"))
    assert other.conversations.get("keys").id == "c1"
    assert carry(talked, other, tmp_path).unchanged == 6


def test_an_answer_from_what_was_forgotten_there_is_not_brought_back(
    talked: SqliteContextStore, other: SqliteContextStore, tmp_path: Path
) -> None:
    carry(talked, other, tmp_path)
    assert other.forget(query="boiler man").records == 2
    assert carry(talked, other, tmp_path).forgotten == 2
    assert [found.body for found in other.list(query="pot")] == ["keys in the pot"]


@pytest.mark.parametrize(
    "given", [{"conversation": 3}, {"made_from": "secret"}, {"records": "x"}, {"records": [1], "made_from": "public"}]
)
def test_what_makes_no_sense_is_refused_by_name(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        Links.of_fields(given)
