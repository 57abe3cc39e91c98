"""docs/schema.md describes what is there, and other people's tools open it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from edge_agent.egress.log import EgressLog
from edge_agent.journal import Journal
from edge_agent.ledger import SqliteLedgerStore
from orchestrator.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
HOUSEHOLD = ROOT / "examples" / "household"
STORES: dict[str, Callable[[Path], Any]] = {
    "context.db": SqliteContextStore,
    "journal.db": Journal.open,
    "ledger.db": SqliteLedgerStore.open,
    "egress.db": lambda path: EgressLog.open(path, SystemClock()),
}
BOOKKEEPING = {"_sqlite_migrations", "sqlite_sequence"}
SHADOW = re.compile(r"_fts_(data|idx|docsize|config|content)$")


def described(store: str) -> dict[str, list[str]]:
    """Table → columns, as the page has them under the store's heading."""
    page = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    part = sections[sections.index(store) + 1]
    tables = re.split(r"^### (.+)$", part, flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^\| `(\w+)` \| \S", text, re.MULTILINE)
        for name, text in zip(tables[::2], tables[1::2], strict=True)
    }


def real(path: Path) -> dict[str, list[str]]:
    """Table → columns, as SQLite has them."""
    with closing(sqlite3.connect(path)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        return {
            name: [row[1] for row in db.execute(f"PRAGMA table_info([{name}])")]
            for name in names
            if name not in BOOKKEEPING and not SHADOW.search(name)
        }


@pytest.mark.parametrize("store", STORES)
def test_the_page_describes_every_table_and_column_and_no_other(store: str, tmp_path: Path) -> None:
    STORES[store](tmp_path / store).close()
    page, there = described(store), real(tmp_path / store)
    undescribed = [
        f"{table}.{column}" for table in there for column in there[table] if column not in page.get(table, [])
    ]
    gone = [f"{table}.{column}" for table in page for column in page[table] if column not in there.get(table, [])]
    assert (undescribed, gone) == ([], []), "docs/schema.md: describe the first, remove the second"
    assert page == there


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example household's store."""
    path = tmp_path_factory.mktemp("life") / "context.db"
    with SqliteContextStore(path) as store:
        import_paths(store, [HOUSEHOLD])
    return path


def sqlite_utils(*words: str) -> Any:
    program = Path(sys.executable).with_name("sqlite-utils")
    return json.loads(subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout)


def test_sqlite_utils_opens_searches_and_counts_it(life: Path) -> None:
    counts = {row["table"]: row["count"] for row in sqlite_utils("tables", str(life), "--counts")}
    assert (counts["records"], counts["records_fts"]) == (81, 81)
    found = sqlite_utils("search", str(life), "records", "dentist", "-c", "title", "-c", "sensitivity")
    assert {"title": "Dentist", "sensitivity": "private"} in found


def test_what_sqlite_utils_removes_is_found_no_more(life: Path, tmp_path: Path) -> None:
    copy = tmp_path / "context.db"
    with closing(sqlite3.connect(life)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    program = Path(sys.executable).with_name("sqlite-utils")
    subprocess.run(
        [program, "query", copy, "DELETE FROM records WHERE title = 'Dentist'"], check=True, capture_output=True
    )
    with SqliteContextStore(copy) as store:
        assert "Dentist" not in [record.title for record in store.search("dentist")]
        assert store.withdrawals() == 1


def test_the_queries_for_datasette_run(life: Path) -> None:
    metadata = yaml.safe_load((ROOT / "examples" / "datasette.yaml").read_text(encoding="utf-8"))
    queries = metadata["databases"]["context"]["queries"]
    with closing(sqlite3.connect(life)) as db:
        (most, *_) = db.execute(queries["labels"]["sql"]).fetchall()
        assert most[:2] == ("personal", "event")
        coming = db.execute(queries["coming_up"]["sql"].replace("unixepoch()", "0")).fetchall()
        assert "Dentist" in [row[2] for row in coming]
