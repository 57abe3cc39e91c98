"""Reading on behind what cannot be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context import salvage
from edge_agent.database import Database, Schema

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.db"


def fill(path: Path, ids: Iterator[int] | range) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE TABLE pairs (one TEXT, two INTEGER, PRIMARY KEY (one, two)) WITHOUT ROWID")
    connection.execute("BEGIN")
    for number in ids:
        connection.execute("INSERT INTO things VALUES (?, ?)", (number, f"thing {number} " * 20))
        connection.execute("INSERT INTO pairs VALUES (?, ?)", (f"pair {number:09} " * 10, number))
    connection.execute("COMMIT")
    connection.close()


def opened(path: Path) -> closing[Database]:
    return closing(Database(path, Schema("box of things", ()), as_is=True))


def read(path: Path) -> dict[int, salvage.Row | None]:
    with opened(path) as database:
        return dict(salvage.rows(database, "things"))


def leaves(path: Path, needle: bytes) -> list[int]:
    """Places of the pages with rows that hold `needle`."""
    data = path.read_bytes()
    return [at for at in range(PAGE, len(data), PAGE) if data[at] in (10, 13) and needle in data[at : at + PAGE]]


def spoil(path: Path, at: int, junk: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(junk)


def test_a_sound_table_is_read_as_it_is(path: Path) -> None:
    fill(path, range(1, 2000))
    assert read(path) == {number: {"id": number, "text": f"thing {number} " * 20} for number in range(1, 2000)}


def test_the_tables_that_are_ours(path: Path) -> None:
    fill(path, range(1))
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    assert salvage.tables(connection) == {"pairs": False, "things": True}
    connection.close()


def test_a_row_that_is_no_text_is_named(path: Path) -> None:
    fill(path, range(1, 1000))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE things SET text = CAST(x'ff00ff' AS TEXT) WHERE id IN (1, 500, 999)")
    connection.commit()
    connection.close()
    found = read(path)
    assert [number for number, row in found.items() if row is None] == [1, 500, 999]
    assert len(found) == 999


@pytest.mark.parametrize("step", [1, 1000, 10**12])
def test_behind_broken_pages_it_goes_on(path: Path, step: int) -> None:
    fill(path, range(step, 1000 * step, step))
    pages = leaves(path, b"thing ")
    for place in (0, 7, 8, len(pages) - 2):
        spoil(path, pages[place], b"\xa5" * PAGE)
    found = read(path)
    rows_a_page = 999 / len(pages)
    assert len(found) >= 999 - 4 * (rows_a_page + 3)
    assert all(row == {"id": number, "text": f"thing {number} " * 20} for number, row in found.items())


def test_without_ids_it_is_read_from_both_ends(path: Path) -> None:
    fill(path, range(1, 1000))
    spoil(path, leaves(path, b"pair ")[10], b"\xa5" * PAGE)
    with opened(path) as database:
        rows = list(salvage.rows_without_ids(database, "pairs"))
    assert rows.count(None) == 2
    found = {row["two"] for row in rows if row is not None}
    assert {1, 999} <= found
    assert len(found) > 900


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.02, 0.999), st.binary(min_size=1, max_size=64)), min_size=1, max_size=5))
def test_whatever_is_broken_it_comes_to_an_end(
    tmp_path_factory: pytest.TempPathFactory, wounds: list[tuple[float, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("wounded") / "things.db"
    fill(path, range(1, 300))
    size = path.stat().st_size
    for place, junk in wounds:
        spoil(path, PAGE + int(place * (size - PAGE)) // 8 * 8, junk)
    with opened(path) as database:
        ids = [number for number, _ in salvage.rows(database, "things")]
        assert ids == sorted(set(ids))
        assert len(list(salvage.rows_without_ids(database, "pairs"))) < 1000
