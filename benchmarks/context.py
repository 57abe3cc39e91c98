"""Recall: how quick it is in a large store, and how well relevance tells whose question is whose.

`python -m benchmarks.context [--records 10000]` prints two Markdown tables. The store of the first is made up from a
seeded vocabulary with Zipf's distribution of words and lengths as mail and notes have them; the second asks the example
household the questions of `context_questions.jsonl`, which were written before the rules of relevance were, and
questions of public sets that no household can answer, where those are at hand.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.context.importers import import_paths
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = Path(__file__).with_name("context_questions.jsonl")
SHARED = ROOT.parent / "shared" / "data"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""The questions' "tomorrow" counts from here."""

_SEED = 20261123
_VOCABULARY = 30_000
_KINDS = ("mail", "mail", "mail", "chat", "chat", "event", "note", "contact")
_MEAN_WORDS = {"mail": 90, "chat": 14, "event": 12, "note": 120, "contact": 15}
_FUNCTION_WORDS = ("the", "of", "and", "to", "a", "in", "is", "you", "it", "for", "on", "we", "with", "at", "my", "I")
_WORLD_INTENTS = """
definition fun_fact translate measurement_conversion calculator tell_joke meaning_of_life calories nutrition_info
ingredient_substitution spelling cook_time exchange_rate plug_type travel_suggestion timezone weather greeting thank_you
how_old_are_you who_made_you what_are_your_hobbies international_visa vaccines oil_change_how food_last roll_dice
"""
"""CLINC150 intents that no record of a household answers."""


class Language:
    """A made-up language: content words with the frequencies of Zipf and Mandelbrot, function words, and names."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
        words = {"".join(rng.choices(syllables, k=rng.choice((2, 2, 3, 3, 4)))) for _ in range(_VOCABULARY * 2)}
        self._words = sorted(words)[:_VOCABULARY]
        rng.shuffle(self._words)
        self._weights = list(itertools.accumulate(1 / (rank + 30) for rank in range(len(self._words))))
        self._names = [word.capitalize() for word in rng.sample(self._words, 200)]

    def words(self, count: int) -> list[str]:
        """`count` content words as they come."""
        return self._rng.choices(self._words, cum_weights=self._weights, k=count)

    def sentence(self, count: int) -> str:
        """`count` words, of which every other one is a function word, as in English."""
        content = self.words((count + 1) // 2)
        return " ".join(f"{word} {self._rng.choice(_FUNCTION_WORDS)}" for word in content)

    def record(self, number: int) -> Item:
        """One record, with a length that its kind has."""
        rng = self._rng
        kind = rng.choice(_KINDS)
        moment = datetime(2017, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randrange(10 * 365 * 24 * 60))
        timed = kind in ("mail", "chat", "event")
        length = max(3, int(rng.lognormvariate(0, 0.8) * _MEAN_WORDS[kind]))
        return Item(
            Record(
                kind=kind,
                title=" ".join(self.words(rng.randint(1, 6))),
                body=self.sentence(length),
                people=tuple(rng.sample(self._names, rng.choice((0, 1, 1, 2, 3)))),
                time=moment if timed else None,
                end=moment + timedelta(hours=1) if kind == "event" else None,
                place=" ".join(self.words(2)) if kind == "event" else "",
                source="benchmark",
            ),
            key=f"benchmark:{number}",
        )

    def question(self, about: Record) -> str:
        """A question that somebody could ask about a record: words of it, and some that are not."""
        rng = self._rng
        words = [word for word in f"{about.title} {about.body}".split() if word not in _FUNCTION_WORDS]
        own = rng.sample(words, min(len(words), rng.randint(1, 4)))
        moment = rng.choice(["", "", "", " on Friday", " next week", " in May"])
        return f"When did I {' '.join(own + self.words(rng.randint(0, 2)))}{moment} {' '.join(about.people[:1])}?"


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000, help="records of the store that is timed")
    parser.add_argument("--questions", type=int, default=500, help="questions that are timed")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        print_speed(Path(folder, "speed.db"), arguments.records, arguments.questions)
        print()
        print_separation(Path(folder, "household.db"))


def print_speed(path: Path, count: int, questions: int) -> None:
    """Time writing and recall in a store of `count` records."""
    language = Language(random.Random(_SEED))
    items = [language.record(number) for number in range(count)]
    asked = [language.question(item.record) for item in random.Random(_SEED).choices(items, k=questions)]
    with SqliteContextStore(path) as store:
        started = time.perf_counter()
        for start in range(0, count, 200):
            store.put(items[start : start + 200])
        write_s = time.perf_counter() - started
        wall_ms, cpu_ms, found = [], [], 0
        for question in [*asked[:20], *asked]:  # the first ones warm the caches
            started, started_cpu = time.perf_counter(), time.thread_time()
            found += bool(store.recall(question, limit=8, now=NOW))
            wall_ms.append((time.perf_counter() - started) * 1000)
            cpu_ms.append((time.thread_time() - started_cpu) * 1000)
        size = store.stats().file_bytes
        mails_per_s = import_rate(store, path.with_name("made-up.mbox"), items[: count // 5])
    text = sum(len(f"{i.record.title}{i.record.body}{i.record.place}{''.join(i.record.people)}") for i in items)
    wall, cpu = (statistics.quantiles(spent[20:], n=100) for spent in (wall_ms, cpu_ms))
    print(f"| {count:,} records, {text / count:.0f} characters each | |\n|---|---|")
    print(f"| written, indexed and committed, records/s | {count / write_s:,.0f} |")
    print(f"| imported from an .mbox into that store, messages/s | {mails_per_s:,.0f} |")
    print(f"| recall of 8 records, p50 / p99 | {wall[49]:.2f} / {wall[98]:.2f} ms |")
    print(f"| of that on the processor, p50 / p99 | {cpu[49]:.2f} / {cpu[98]:.2f} ms |")
    print(f"| questions that brought a record | {found / len(wall_ms):.0%} |")
    print(f"| bytes on disk beyond the text, a record | {(size - text) / count:.0f} |")


def import_rate(store: SqliteContextStore, path: Path, items: Sequence[Item]) -> float:
    """Messages a second that an import brings in from a mailbox with these items as mails."""
    with path.open("w", encoding="utf-8") as box:
        for number, item in enumerate(items):
            box.write(
                f"From somebody@example.com Mon Nov 23 09:00:00 2026\n"
                f"From: Somebody <somebody@example.com>\nMessage-ID: <{number}@example.com>\n"
                f"Date: Mon, 23 Nov 2026 09:00:00 +0100\nSubject: {item.record.title}\n\n{item.record.body}\n\n"
            )
    started = time.perf_counter()
    summary = import_paths(store, [path])
    return summary.added / (time.perf_counter() - started)


def print_separation(path: Path) -> None:
    """Ask the household what it can answer, and what it cannot."""
    with SqliteContextStore(path) as store:
        import_paths(store, [ROOT / "examples" / "household"])
        print("| questions | count | brought a record | the right one | the right one first |\n|---|---|---|---|---|")
        own = [row for row in _lines(QUESTIONS) if row["titles"]]
        _print_own(store, own)
        for name, world in _world():
            brought = sum(bool(store.recall(question, limit=8, now=NOW)) for question in world)
            print(f"| {name} | {len(world)} | {brought} ({brought / len(world):.1%}) | – | – |")


def _print_own(store: SqliteContextStore, own: Sequence[dict[str, Any]]) -> None:
    brought = right = first = 0
    for row in own:
        titles = [hit.record.title for hit in store.recall(row["question"], limit=8, now=NOW)]
        brought += bool(titles)
        right += not set(titles).isdisjoint(row["titles"])
        first += titles[:1] != [] and titles[0] in row["titles"]
    shares = " | ".join(f"{count} ({count / len(own):.1%})" for count in (brought, right, first))
    print(f"| about the household | {len(own)} | {shares} |")


def _world() -> Iterator[tuple[str, list[str]]]:
    """Questions that need no record, by where they come from."""
    yield "about the world", [row["question"] for row in _lines(QUESTIONS) if not row["titles"]]
    clinc, mmlu = SHARED / "assistant" / "clinc150.dev.jsonl.gz", SHARED / "routing" / "mmlu.dev.jsonl.gz"
    intents = set(_WORLD_INTENTS.split())
    if clinc.exists():
        yield "CLINC150, general intents", [row["text"] for row in _lines(clinc) if row["intent"] in intents]
    if mmlu.exists():
        yield "MMLU, every fifth", [row["prompt"] for row in _lines(mmlu)[::5]]


def _lines(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    main()
