"""How quick recall and import are, and what a store takes; each figure from a process that did nothing else before."""

from __future__ import annotations

import os
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.context.life import Life
from benchmarks.context.separation import NOW
from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from edge_agent.embedder import SentenceEmbedder
from orchestrator.types import Record

_SEED: Final = 20261123
_WARM: Final = 20
"""Questions that are not counted: they fill the caches."""
_ROUNDS: Final = 3
"""Times that each question is asked; the quickest counts, so that other work on the machine counts less."""
_LIMIT: Final = 8


@dataclass(frozen=True, slots=True)
class Recalling:
    """Recall in one store.

    Attributes:
        ms: of each question, embedding it included, the quickest of some.
        cpu_ms: the same, of the thread's time on a processor: other work on the machine counts less.
        first_ms: the first question of the process, when the vectors are in memory and nothing else is.
        load_s: reading the vectors into memory.
        found: share of the questions that brought the record that they were made from.
        memory_mb: the most that the process ever had.
    """

    ms: list[float]
    cpu_ms: list[float]
    first_ms: float
    load_s: float
    found: float
    memory_mb: float


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """What one of a hundred is above."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def questions(life: Life, get: Callable[[int], Record], records: int, count: int) -> list[tuple[int, str]]:
    """Questions, each about the record whose id is beside it."""
    choice = random.Random(_SEED)
    ids = [choice.randrange(1, records + 1) for _ in range(count)]
    return [(number, life.question(get(number), choice)) for number in ids]


def recalling(path: Path, model: Path, records: int, count: int) -> Recalling:
    """Ask `count` questions of the store at `path`, whose vectors are of the embedding model in the folder `model`."""
    life = Life.in_words_of(model)
    with SqliteContextStore(path, embedder=SentenceEmbedder.open(model)) as store:
        asked = questions(life, store.get, records, _WARM + count)
        started = time.perf_counter()
        store.load_vectors()
        load_s = time.perf_counter() - started
        best, least = ([float("inf")] * len(asked) for _ in range(2))
        found: set[int] = set()
        first_ms = 0.0
        for _ in range(_ROUNDS):
            for place, (number, text) in enumerate(asked):
                started, started_cpu = time.perf_counter(), time.thread_time()
                hits = store.recall(text, limit=_LIMIT, now=NOW)
                best[place] = min(best[place], (time.perf_counter() - started) * 1000)
                least[place] = min(least[place], (time.thread_time() - started_cpu) * 1000)
                first_ms = first_ms or best[place]
                if number in {hit.record.id for hit in hits}:
                    found.add(place)
    return Recalling(best[_WARM:], least[_WARM:], first_ms, load_s, len(found) / len(asked), peak_memory_mb())


@dataclass(frozen=True, slots=True)
class Importing:
    """Bringing in a mailbox: messages a second until all can be found, by words, and then by meaning, too."""

    messages: int
    per_s: float
    per_cpu_s: float
    embedded_messages: int
    embedded_per_s: float


def importing(folder: Path, model: Path, messages: int, embedded: int, threads: int) -> Importing:
    """Import a mailbox of `messages`, and one of `embedded` that are embedded, too; both are written to `folder`."""
    life = Life.in_words_of(model)
    box, sample = folder / "all.mbox", folder / "some.mbox"
    write_mailbox(box, life, messages)
    write_mailbox(sample, life, embedded)
    with SqliteContextStore(folder / "words.db") as store:
        started, started_cpu = time.perf_counter(), _cpu_s()
        added = import_paths(store, [box]).added
        per_s, per_cpu_s = added / (time.perf_counter() - started), added / (_cpu_s() - started_cpu)
    with SqliteContextStore(folder / "meaning.db", embedder=SentenceEmbedder.open(model, threads=threads)) as store:
        started = time.perf_counter()
        import_paths(store, [sample])
        while store.embed_missing():
            pass
        embedded_per_s = embedded / (time.perf_counter() - started)
    return Importing(added, per_s, per_cpu_s, embedded, embedded_per_s)


def _cpu_s() -> float:
    """Processor time of this process and of those that it started and saw end: a large file is read by a second one."""
    return sum(os.times()[:4])


def write_mailbox(path: Path, life: Life, count: int) -> None:
    """`count` messages of a made-up life as an .mbox file, answers naming what they answer."""
    # A quarter of a life's records are mails.
    mails = (item.record for item in life.records(8 * count) if item.record.kind == "mail")
    with path.open("w", encoding="utf-8") as box:
        for number, mail in enumerate(islice(mails, count)):
            answers = f"In-Reply-To: <{mail.thread.removeprefix('mail:')}>\n" if mail.position else ""
            name = mail.people[0]
            assert mail.time is not None
            box.write(
                f"From {name.replace(' ', '.')}@example.com {mail.time:%a %b %d %H:%M:%S %Y}\n"
                f"From: {name} <{name.replace(' ', '.').lower()}@example.com>\nTo: Me <me@example.com>\n"
                f"Message-ID: <{number}@benchmark>\n{answers}Date: {mail.time:%a, %d %b %Y %H:%M:%S +0000}\n"
                f"Subject: {mail.title}\nContent-Type: text/plain; charset=utf-8\n\n{mail.body}\n\n"
            )


def peak_memory_mb() -> float:
    """The most that this process ever had in memory; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8")) if status.exists() else None
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0
