"""A long conversation: what share of each prompt is known already, and whether old questions stand in recall's way.

`python -m benchmarks.conversation [--turns 59]` talks with the default model about one small thing after another,
prints the share of each prompt that was not read anew, and asks for the first turn. Then every question of
`benchmarks/context/questions.jsonl` is asked and answered once, and the household is asked again.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.context import separation
from edge_agent.agent import Agent
from edge_agent.assembly import open_embedder
from edge_agent.config import Config
from edge_agent.context.conversations import Exchange
from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from edge_agent.slm.caches import Caches
from edge_agent.slm.progress import Quiet
from orchestrator.types import Sampling, Sensitivity

HOUSEHOLD = Path(__file__).resolve().parents[1] / "examples" / "household"
FIRST = "My sister Ada moved to Leeds in March, and I promise to bring her the blue lamp."
ABOUT_FIRST = ("Where did my sister Ada move?", "What did I promise to bring to Ada?")
TOPICS = (
    "the moon",
    "bees",
    "bread",
    "Rome",
    "volcanoes",
    "chess",
    "tea",
    "rivers",
    "whales",
    "glass",
    "clouds",
    "salt",
)
_SHORT = Sampling(max_tokens=40)


def main(argv: Sequence[str] | None = None) -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=59, help="questions of the conversation")
    turns = parser.parse_args(argv).turns
    with tempfile.TemporaryDirectory() as folder:
        talk(Config(state=Path(folder) / "talk", local_only=True), turns)
        ask_again(Path(folder) / "household.db")


def talk(config: Config, turns: int) -> None:
    """One long conversation, and two questions for its first turn."""
    with watched() as shares, Agent.open(config) as agent:
        conversation = agent.conversation()
        for turn in range(turns):
            question = f"Tell me fact {turn} about {TOPICS[turn % len(TOPICS)]}." if turn else FIRST
            conversation.ask(question, sampling=_SHORT)
        anew = sum(share < 0.5 for share in shares[1:])
        print(f"{turns} questions: {statistics.median(shares[1:]):.1%} of a prompt known (median), {anew} read anew")
        for question in ABOUT_FIRST:
            print(f"{question} {conversation.ask(question, sampling=_SHORT, remember=False).text!r}")


def ask_again(path: Path) -> None:
    """The household's questions, before and after all of them were asked and answered in conversations."""
    rows = list(separation._lines(separation.QUESTIONS))
    with SqliteContextStore(path, embedder=open_embedder(Config(local_only=True), Quiet())) as store:
        import_paths(store, [HOUSEHOLD])
        print_recalled(store, rows, "never asked before")
        for number, row in enumerate(rows):
            at = separation.NOW - timedelta(days=1)
            said = Exchange(row["question"], "I am not sure about that.", at, Sensitivity.PERSONAL)
            store.conversations.add(f"c{number % 7}", said)
        print_recalled(store, rows, "each asked once before")


def print_recalled(store: SqliteContextStore, rows: Sequence[dict[str, Any]], when: str) -> None:
    """How many questions bring a record, the right one, the right one first."""
    while store.embed_missing():
        pass
    brought = right = first = world = 0
    for row in rows:
        titles = [hit.record.title for hit in store.recall(row["question"], limit=8, now=separation.NOW)]
        if not row["titles"]:
            world += bool(titles)
            continue
        brought += bool(titles)
        right += not set(titles).isdisjoint(row["titles"])
        first += titles[:1] != [] and titles[0] in row["titles"]
    print(f"{when}: brought {brought}, right {right}, right first {first}; of the world's {world}")


@contextmanager
def watched() -> Iterator[list[float]]:
    """The share of each prompt whose keys and values were there when its answer began."""
    shares: list[float] = []
    opening = Caches.open

    def open_(self: Caches, prompt: Any, *more: Any) -> Any:
        cache = opening(self, prompt, *more)
        shares.append(len(cache) / len(prompt))
        return cache

    with patch.object(Caches, "open", open_):
        yield shares


if __name__ == "__main__":
    main()
