"""Rows are found on their pages as SQLite wrote them."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context import pages

_VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20000),
    st.binary(max_size=20000),
)


@settings(max_examples=40)
@given(rows=st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.lists(_VALUES, min_size=3, max_size=3), max_size=8))
@pytest.mark.parametrize("size", [512, 4096, 65536])
def test_every_row_is_found(
    tmp_path_factory: pytest.TempPathFactory, size: int, rows: dict[int, list[pages.Value]]
) -> None:
    path = tmp_path_factory.mktemp("pages") / "things.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size = {size}")
    connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, one BLOB, two BLOB, three BLOB)")
    connection.executemany("INSERT INTO things VALUES (?, ?, ?, ?)", ([key, *values] for key, values in rows.items()))
    connection.commit()
    stored = {key: [None, *values] for key, *values in connection.execute("SELECT * FROM things")}
    connection.close()
    found = {key: values for key, values in pages.rows(path) if values[:1] == [None] and len(values) == 4}
    assert found == stored


@given(seed=st.integers(0, 2**32))
def test_garbage_is_no_row_and_no_error(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("pages") / "garbage.db"
    dice = random.Random(seed)
    leaves = b"".join(b"\x0d\0\0\0" + dice.randbytes(4092) for _ in range(4))
    path.write_bytes(dice.randbytes(4096) + leaves)
    list(pages.rows(path))


def test_an_empty_file_has_none(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert list(pages.rows(tmp_path / "empty.db")) == []
