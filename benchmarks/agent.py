"""The agent's own share of a question, and the time to a first token.

`python -m benchmarks.agent [--records 10000] [--questions 100] [--json]`

Own work is everything but the model: recall, decision, reservation, prompt, receipt, journal. It is measured by asking
a whole agent whose model answers at once, but counts tokens and renders prompts with the real tokenizer and template.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.context.life import Life
from edge_agent.agent import AsyncAgent
from edge_agent.assembly import assemble, open_model
from edge_agent.config import Config, PrefixesSection
from edge_agent.context.store import SqliteContextStore
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.progress import Quiet
from edge_agent.slm.pull import ensure
from orchestrator.budget import Deadline
from orchestrator.types import (
    Completed,
    FinishReason,
    Message,
    ModelEvent,
    RoutePreference,
    Sampling,
    Started,
    TextDelta,
    TokenScore,
    Usage,
)

_SEED = 20261123
SHORT_QUESTIONS = (
    "What do bees make?",
    "Who wrote Hamlet?",
    "What is the capital of Italy?",
    "How many legs has an ant?",
)


@dataclass(frozen=True, slots=True)
class InstantModel:
    """The real model without its forward passes: it answers with one token at once."""

    real: OnnxModel

    @property
    def name(self) -> str:
        return self.real.name

    @property
    def context_tokens(self) -> int:
        return self.real.context_tokens

    @property
    def rolling(self) -> bool:
        return self.real.rolling

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        return self.real.count_tokens(messages, prefix=prefix)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncIterator[ModelEvent]:
        yield Started(self.name)
        yield TextDelta("Yes.", (TokenScore(-0.1, 0.1),))
        yield Completed(Usage(self.count_tokens(messages), 1), FinishReason.STOP)

    def forget_soon(self) -> None:
        self.real.forget_soon()

    def __enter__(self) -> InstantModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.real.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000, help="records in the store")
    parser.add_argument("--questions", type=int, default=100, help="questions that are timed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(measure(Path(folder), arguments.records, arguments.questions))
    print(json.dumps(result) if arguments.json else as_table(result))


async def measure(folder: Path, records: int, questions: int) -> dict[str, float]:
    """Own work in milliseconds, and milliseconds to the first token, each p50 and p99 (or the largest)."""
    config = Config(state=folder, local_only=True)
    life = Life.in_words_of(ensure(config.context.embedding))
    items = list(life.records(records))
    with SqliteContextStore(config.context_path) as store:
        for start in range(0, records, 500):
            store.put(items[start : start + 500])
    choice = random.Random(_SEED)
    asked = [life.question(item.record, choice) for item in choice.choices(items, k=questions)]
    own_ms = [ms async for ms in _own_work(config, asked)]
    forgetful = Config(state=folder / "empty", local_only=True, prefixes=PrefixesSection(memory_mb=0))
    first_ms = [ms async for ms in _first_tokens(forgetful)]
    percentiles = statistics.quantiles(own_ms, n=100)
    return {
        "records": records,
        "questions": questions,
        "own_work_p50_ms": percentiles[49],
        "own_work_p99_ms": percentiles[98],
        "first_token_p50_ms": statistics.median(first_ms),
        "first_token_max_ms": max(first_ms),
    }


async def _own_work(config: Config, asked: Sequence[str]) -> AsyncIterator[float]:
    """Milliseconds of whole questions with an instant model. The first ten warm the caches."""
    instant = cast(OnnxModel, InstantModel(open_model(config, Quiet())))
    async with AsyncExitStack() as resources:
        agent = AsyncAgent(await assemble(config, resources, Quiet(), local=instant), resources)
        for number, question in enumerate([*asked[:10], *asked]):
            started_s = time.perf_counter()
            await agent.ask(question)
            if number >= 10:
                yield (time.perf_counter() - started_s) * 1000


async def _first_tokens(config: Config) -> AsyncIterator[float]:
    """Milliseconds to the first token of short questions, model loaded, nothing of the prompt in its cache but the
    system text that every prompt begins with."""
    async with await AsyncAgent.open(config) as agent:
        await agent.ask("Hello", sampling=Sampling(max_tokens=1))
        for question in SHORT_QUESTIONS * 5:
            answer = await agent.ask(question, sampling=Sampling(max_tokens=8), route=RoutePreference.LOCAL)
            yield answer.latency.first_token_ms


def as_table(result: dict[str, float]) -> str:
    """Markdown."""
    return "\n".join(_rows(result))


def _rows(result: dict[str, float]) -> Iterator[str]:
    yield f"| {result['questions']:.0f} questions, {result['records']:,.0f} records | ms |"
    yield "|---|---|"
    yield f"| the agent's own work, p50 | {result['own_work_p50_ms']:.1f} |"
    yield f"| the agent's own work, p99 | {result['own_work_p99_ms']:.1f} |"
    yield f"| first token of a short question, model loaded, p50 | {result['first_token_p50_ms']:.0f} |"
    yield f"| first token of a short question, model loaded, largest of 20 | {result['first_token_max_ms']:.0f} |"


if __name__ == "__main__":
    main()
