"""A store in a file of its own, and one with the example household in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.context.importers import import_paths
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile
from orchestrator.types import Record

HOUSEHOLD = Path(__file__).resolve().parents[3] / "examples" / "household"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that takes a `store` runs on an encrypted one, too, unless it looks into the file by itself."""
    if "store" in metafunc.fixturenames:
        plain = metafunc.definition.get_closest_marker("plain_file") is not None
        metafunc.parametrize("store", ["plain"] if plain else ["plain", "encrypted"], indirect=True)


@pytest.fixture
def encryption(tmp_path: Path) -> Encryption:
    """How an encrypted store is opened; the key lies beside it."""
    return Encryption(KeyFile(tmp_path / "key"))


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, encryption: Encryption) -> Iterator[SqliteContextStore]:
    """An empty store."""
    how = replace(encryption, required=request.param == "encrypted")
    with SqliteContextStore(tmp_path / "context.db", encryption=how) as opened:
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


@pytest.fixture
def lived_in(tmp_path: Path) -> Path:
    """A closed store with 300 notes from three sources, with vectors: some forty pages."""
    path = tmp_path / "context.db"
    with SqliteContextStore(path, embedder=CountingEmbedder()) as store:
        for source in range(3):
            reading = store.begin_reading(tmp_path / f"notes-{source}")
            store.put((numbered(number) for number in range(source, 300, 3)), reading=reading)
            store.end_reading(reading, "as read", prune=True)
        while store.embed_missing():
            pass
    return path


def numbered(number: int) -> Item:
    """A note that says its number, in English words of its own."""
    words = f"note {number} speaks of matter{number % 17} and of thing{number}, " * 4
    time = datetime(2026, 1 + number % 12, 1 + number % 28, 9, 30, tzinfo=UTC)
    return Item(Record(kind="note", title=f"Note {number}", body=words, time=time, source="notes"), f"note:{number}")


class CountingEmbedder:
    """Vectors that depend on a text and on nothing else, at once: a stand-in where only their keeping matters."""

    name = "counting"
    dimensions = 64

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A vector of length 1 for each text, [texts, 64]."""
        seeds = [int.from_bytes(sha256(text.encode()).digest()[:8]) for text in texts]
        made: NDArray[np.float64] = np.stack([np.random.default_rng(seed).standard_normal(64) for seed in seeds])
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)
