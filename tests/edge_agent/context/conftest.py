"""A store in a file of its own, and one with the example household in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore

HOUSEHOLD = Path(__file__).resolve().parents[3] / "examples" / "household"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteContextStore]:
    """An empty store."""
    with SqliteContextStore(tmp_path / "context.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteContextStore]:
    """The example household, imported once; tests only read it."""
    with SqliteContextStore(tmp_path_factory.mktemp("household") / "context.db") as opened:
        summary = import_paths(opened, [HOUSEHOLD])
        assert summary.skipped == ()
        yield opened


@pytest.fixture
def monday() -> datetime:
    """Monday 23 November 2026, nine in the morning in Berlin."""
    return datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
