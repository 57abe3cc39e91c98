"""Other ways to find records, with the same records and questions: sqlite-utils' full-text search, and mem0.

A peer that is not at hand is named with what is missing; the others are measured all the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import sqlite_utils

from benchmarks.context.life import Life
from benchmarks.context.separation import NOW
from benchmarks.context.speed import questions
from edge_agent.context.items import Item
from edge_agent.context.stopwords import STOP_WORDS
from edge_agent.context.store import SqliteContextStore
from edge_agent.embedder import SentenceEmbedder
from orchestrator.types import Record

_LIMIT: Final = 8
_WORKER: Final = Path(__file__).with_name("mem0_worker.py")


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to find records. `missing` says why there are no figures, where there are none."""

    name: str
    ms: tuple[float, ...] = ()
    found: float = 0.0
    """Share of the questions that brought the record that they were made from."""
    added_per_s: float = 0.0
    """Records, embedding not included."""
    missing: str = ""


def compare(folder: Path, model: Path, records: int, count: int, mem0_python: str) -> list[Peer]:
    """Ours and the others', in one store each below `folder`; records are embedded for real where they are embedded."""
    life = Life.in_words_of(model)
    items = list(life.records(records))
    asked = questions(life, lambda number: items[number - 1].record, records, count)
    embedder = SentenceEmbedder.open(model, threads=2)
    return [
        _ours(folder, items, asked, embedder),
        _sqlite_utils(folder, items, asked),
        _mem0(folder, items, asked, embedder, mem0_python),
    ]


def _ours(folder: Path, items: list[Item], asked: list[tuple[int, str]], embedder: SentenceEmbedder) -> Peer:
    with SqliteContextStore(folder / "ours.db", embedder=embedder) as store:
        started = time.perf_counter()
        for start in range(0, len(items), 500):
            store.put(items[start : start + 500])
        added_per_s = len(items) / (time.perf_counter() - started)
        while store.embed_missing(limit=256):
            pass
        store.recall("warm", limit=_LIMIT, now=NOW)

        def recall(text: str) -> set[int | None]:
            return {hit.record.id for hit in store.recall(text, limit=_LIMIT, now=NOW)}

        timed = [_timed(recall, text) for _, text in asked]
    return _peer("edgewise, embedding of the question included", asked, timed, added_per_s)


def _sqlite_utils(folder: Path, items: list[Item], asked: list[tuple[int, str]]) -> Peer:
    """`table.search` with any of the question's words, stop words left out."""
    db = sqlite_utils.Database(folder / "plain.db")
    started = time.perf_counter()
    rows = ({"id": number, "title": i.record.title, "body": i.record.body} for number, i in enumerate(items, start=1))
    db.table("records").insert_all(rows, pk="id", batch_size=1000)
    db.table("records").enable_fts(["title", "body"], tokenize="porter")
    added_per_s = len(items) / (time.perf_counter() - started)

    def search(text: str) -> set[int | None]:
        words = [word for word in re.findall(r"\w+", text.lower()) if word not in STOP_WORDS]
        wanted = " OR ".join(f'"{word}"' for word in words)
        return {row["id"] for row in db.table("records").search(wanted, limit=_LIMIT, columns=["id"])}

    timed = [_timed(search, text) for _, text in asked]
    db.close()
    return _peer("sqlite-utils, full-text search", asked, timed, added_per_s)


def _mem0(
    folder: Path, items: list[Item], asked: list[tuple[int, str]], embedder: SentenceEmbedder, python: str
) -> Peer:
    name = "mem0, local Qdrant, embedding of the question not included"
    if subprocess.run([python, "-c", "import mem0"], capture_output=True).returncode:
        return Peer(name, missing=f"{python} has no mem0ai: make an environment with it and name its Python: --mem0")
    texts = [_text(item.record) for item in items]
    records = ({"id": number, "text": text} for number, text in enumerate(texts, start=1))
    _write(folder / "records.jsonl", records)
    _write(folder / "questions.jsonl", ({"id": number, "text": text} for number, text in asked))
    np.save(folder / "vectors.npy", embedder.embed(texts))
    np.save(folder / "question_vectors.npy", embedder.embed([text for _, text in asked]))
    ran = subprocess.run([python, str(_WORKER), str(folder)], capture_output=True, text=True)
    if ran.returncode:
        return Peer(name, missing=f"it failed: {ran.stderr.strip().splitlines()[-1]}")
    result = json.loads(ran.stdout.strip().splitlines()[-1])
    return Peer(name, tuple(result["ms"]), result["found"], result["added_per_s"])


def _peer(
    name: str, asked: list[tuple[int, str]], timed: list[tuple[float, set[int | None]]], added_per_s: float
) -> Peer:
    found = sum(number in ids for (number, _), (_, ids) in zip(asked, timed, strict=True))
    return Peer(name, tuple(ms for ms, _ in timed), found / len(asked), added_per_s)


def _timed(find: Callable[[str], set[int | None]], text: str) -> tuple[float, set[int | None]]:
    started = time.perf_counter()
    ids = find(text)
    return (time.perf_counter() - started) * 1000, ids


def _text(record: Record) -> str:
    return ". ".join(part for part in (record.title, record.body) if part)


def _write(path: Path, rows: Iterator[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
