"""What encryption at rest costs, side by side with the same store unencrypted.

`python -m benchmarks.encryption` makes up a life of 20,000 records with vectors, encrypts a copy of it, and asks both
the same questions in turn, each three times, of which the quickest counts: other work then hits both alike.

  python -m benchmarks.encryption                    a minute on two cores
  python -m benchmarks.encryption --records 100000
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.context.life import Life
from benchmarks.context.separation import NOW
from benchmarks.context.speed import questions
from edge_agent.context.items import Item
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.conversion import convert
from edge_agent.driver import Encryption
from edge_agent.embedder import SentenceEmbedder
from edge_agent.keys import KeyFile, Passphrase
from edge_agent.slm.pull import ensure

_ROUNDS: Final = 3
_WARM: Final = 10
_LIMIT: Final = 8
_BATCH: Final = 500
_PASSPHRASE: Final = Passphrase(ask=lambda _: "correct horse battery staple")

Store = Callable[[], SqliteContextStore]


class _Anywhere:
    """Vectors under a model's name that point anywhere, at once: search compares them all the same."""

    def __init__(self, model: SentenceEmbedder) -> None:
        self.name, self.dimensions = model.name, model.dimensions
        self._rng = np.random.default_rng(7)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        made = self._rng.standard_normal((len(texts), self.dimensions)).astype(np.float32)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="What encryption at rest costs.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--folder", type=Path, help="for temporary files")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="edgewise-benchmark-", dir=options.folder) as folder:
        print(*measure(Path(folder), ensure(options.model), options.records, options.questions), sep="\n")


def measure(folder: Path, model: Path, records: int, count: int) -> Iterator[str]:
    """Lines of Markdown."""
    life, key = Life.in_words_of(model), KeyFile(folder / "key")
    plain, encrypted = folder / "plain.db", folder / "encrypted.db"
    embedder = SentenceEmbedder.open(model)
    with SqliteContextStore(plain, embedder=_Anywhere(embedder)) as store:
        made = life.records(records)
        while batch := list(islice(made, _BATCH)):
            store.put(batch)
        while store.embed_missing(limit=_BATCH):
            pass
    shutil.copyfile(plain, encrypted)
    encrypting_s = _seconds(lambda: convert(encrypted, SCHEMA, opened_by=key, to=key))
    ways = Encryption(key, required=True)
    yield f"| {records:,} records | plain | encrypted | ratio |\n|---|---|---|---|"
    for what, used in (("words", None), ("words and meaning", embedder)):
        with ExitStack() as open_stores:
            stores = [
                open_stores.enter_context(SqliteContextStore(path, embedder=used, encryption=how))
                for path, how in ((plain, None), (encrypted, ways))
            ]
            found = list(zip(*_recall(stores, life, records, count), strict=True))
        for name, rank in (("p50", 50), ("p99", 99)):
            yield _row(f"recall by {what}, {name}", *(_percentile(times, rank) for times in found))
    yield _row("open and find one record", *(_cold(path, how) for path, how in ((plain, None), (encrypted, ways))))
    fresh = [replace(item, key=f"fresh {item.key}") for item in life.records(2_000)]
    yield _row("put 2,000 records", *(_put(path, how, fresh) for path, how in ((plain, None), (encrypted, ways))))
    yield f"| file | {_mb(plain):,.1f} MB | {_mb(encrypted):,.1f} MB | {_mb(encrypted) / _mb(plain):.2f} |"
    convert(encrypted, SCHEMA, opened_by=key, to=_PASSPHRASE)
    with_words = _cold(encrypted, Encryption(_PASSPHRASE))
    yield f"\nWith a passphrase, opening and finding one record takes {with_words:,.0f} ms: stretching it is meant to."
    yield f"Encrypting took {encrypting_s:,.1f} s, comparison and overwriting included."


def _recall(stores: Sequence[SqliteContextStore], life: Life, records: int, count: int) -> Iterator[tuple[float, ...]]:
    """Of each question, the quickest answer of each store in ms."""
    for place, (_, text) in enumerate(questions(life, stores[0].get, records, _WARM + count)):
        best = [float("inf")] * len(stores)
        for _ in range(_ROUNDS):
            for number, store in enumerate(stores):
                started = time.perf_counter()
                store.recall(text, limit=_LIMIT, now=NOW)
                best[number] = min(best[number], 1000 * (time.perf_counter() - started))
        if place >= _WARM:
            yield tuple(best)


def _cold(path: Path, encryption: Encryption | None) -> float:
    """The quickest of some openings with a first search, in ms."""

    def once() -> None:
        with SqliteContextStore(path, encryption=encryption) as store:
            store.search("meeting", limit=1)

    return min(1000 * _seconds(once) for _ in range(5))


def _put(path: Path, encryption: Encryption | None, fresh: Sequence[Item]) -> float:
    """Adding records, some at a time, in ms; each batch waits for the disk."""
    with SqliteContextStore(path, encryption=encryption) as store:
        return 1000 * _seconds(lambda: [store.put(fresh[at : at + _BATCH]) for at in range(0, len(fresh), _BATCH)])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _percentile(values: Sequence[float], rank: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[rank - 1]


def _row(what: str, plain_ms: float, encrypted_ms: float) -> str:
    return f"| {what} | {plain_ms:,.1f} ms | {encrypted_ms:,.1f} ms | {encrypted_ms / plain_ms:.2f} |"


def _mb(path: Path) -> float:
    return path.stat().st_size / 1e6


if __name__ == "__main__":
    main()
