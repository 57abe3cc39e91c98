"""How well relevance tells whose question is whose.

The example household is asked the questions of `questions.jsonl`, which were written before the rules of relevance,
and questions of public sets that no household can answer, where those are at hand.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore

ROOT: Final = Path(__file__).resolve().parents[2]
QUESTIONS: Final = Path(__file__).with_name("questions.jsonl")
SHARED: Final = ROOT.parent / "shared" / "data"
NOW: Final = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""The questions' "tomorrow" counts from here."""
_WORLD_INTENTS: Final = """
definition fun_fact translate measurement_conversion calculator tell_joke meaning_of_life calories nutrition_info
ingredient_substitution spelling cook_time exchange_rate plug_type travel_suggestion timezone weather greeting thank_you
how_old_are_you who_made_you what_are_your_hobbies international_visa vaccines oil_change_how food_last roll_dice
"""
"""CLINC150 intents that no record of a household answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of some questions. `right` and `first` are None where no record is the right one."""

    title: str
    count: int
    brought: int
    """Questions that brought a record."""
    right: int | None = None
    """Questions that brought the right one."""
    first: int | None = None
    """Questions that brought the right one first."""


def ask_household(path: Path) -> list[Asked]:
    """Ask the household, in a new store at `path`, what it can answer, and what it cannot."""
    with SqliteContextStore(path) as store:
        import_paths(store, [ROOT / "examples" / "household"])
        own = _own(store, [row for row in _lines(QUESTIONS) if row["titles"]])
        return [own, *(_world_asked(store, title, questions) for title, questions in _world())]


def _own(store: SqliteContextStore, rows: Sequence[dict[str, Any]]) -> Asked:
    brought = right = first = 0
    for row in rows:
        titles = [hit.record.title for hit in store.recall(row["question"], limit=8, now=NOW)]
        brought += bool(titles)
        right += not set(titles).isdisjoint(row["titles"])
        first += titles[:1] != [] and titles[0] in row["titles"]
    return Asked("about the household", len(rows), brought, right, first)


def _world_asked(store: SqliteContextStore, title: str, questions: Sequence[str]) -> Asked:
    brought = sum(bool(store.recall(question, limit=8, now=NOW)) for question in questions)
    return Asked(title, len(questions), brought)


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
