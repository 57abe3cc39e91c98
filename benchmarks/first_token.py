"""How long until the first token, cold and with what was read before.

`python -m benchmarks.first_token [--model NAME] [--runs 5] [--json]`

The start is seen from outside: from the start of an `edgewise ask` process to its first text on the terminal. The rest
is the engine alone, model loaded: a second turn behind a conversation of about 1,000 tokens, the same after another
conversation in between, and a first question after a restart under a system prompt of about 1,000 tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.home import models_dir
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.prefixes import PrefixRoom
from edge_agent.slm.pull import ensure
from orchestrator.budget import Deadline
from orchestrator.clock import SystemClock
from orchestrator.types import Message, Sampling, TextDelta

_SEED = 20261123
_TEXT = (
    "the bees fly over green fields and gather sweet nectar from many flowers while an old keeper waits by his hive "
    "until warm summer rain has passed and every child of the village comes to taste honey on fresh bread"
)

Milliseconds = dict[str, list[float]]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table, or everything as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="catalog name")
    parser.add_argument("--runs", type=int, default=5, help="of each figure")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    folder = ensure(arguments.model)
    with tempfile.TemporaryDirectory() as state:
        taken = _starts(arguments.model, Path(state), arguments.runs)
        for _ in range(arguments.runs):
            for name, ms in asyncio.run(_engine(folder, Path(state))).items():
                taken.setdefault(name, []).append(ms)
    print(json.dumps(taken) if arguments.json else "\n".join(_rows(arguments.model, taken)))


def _starts(model: str, state: Path, runs: int) -> Milliseconds:
    """From the start of a process to its first text. The first process finds nothing saved and does not count."""
    own = {"EDGEWISE_HOME": str(state), "EDGEWISE_MODELS": str(models_dir()), "EDGEWISE_MODEL__NAME": model}
    command = [sys.executable, "-c", "from edge_agent.cli import main; main()", "ask", "--local-only"]
    taken = []
    for _ in range(runs + 1):
        started_s = time.perf_counter()
        with subprocess.Popen(
            [*command, "What do bees make?"], env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            taken.append((time.perf_counter() - started_s) * 1000)
            process.stdout.read()
        if process.returncode:
            raise SystemExit(f"edgewise ask ended with status {process.returncode}")
    return {"process start, edgewise ask": taken[1:]}


async def _engine(folder: Path, state: Path) -> dict[str, float]:
    """One figure of each kind, in milliseconds."""
    rng = random.Random(_SEED)
    turns = [Message(("user", "assistant")[at % 2], _prose(rng, 75)) for at in range(13)]
    second = [*turns, Message("assistant", _prose(rng, 20)), Message("user", "And what do wasps make?")]
    with OnnxModel.open(folder) as model:
        await _first_token_ms(model, [Message("user", "Hello")])
        await model.forget()
        cold = await _first_token_ms(model, second)
        await model.forget()
        await _first_token_ms(model, turns)
        warm = await _first_token_ms(model, second)
        await _first_token_ms(model, [Message("user", _prose(rng, 200))])
        again = await _first_token_ms(model, second)
    system = [Message("system", _prose(rng, 950)), Message("user", "What do bees make?")]
    with tempfile.TemporaryDirectory(dir=state) as saved:
        restarts = []
        for _ in range(2):
            with OnnxModel.open(folder, prefixes=PrefixRoom(folder=Path(saved))) as model:
                await _first_token_ms(model, [Message("user", "Hello")])
                restarts.append(await _first_token_ms(model, system))
    return {
        "second turn, cold": cold,
        "second turn, warm": warm,
        "second turn, after another conversation": again,
        "long system prompt after a restart, not saved": restarts[0],
        "long system prompt after a restart, saved": restarts[1],
    }


async def _first_token_ms(model: OnnxModel, messages: Sequence[Message]) -> float:
    started_s, first_s = time.perf_counter(), None
    deadline = Deadline.after(SystemClock(), None)
    async for event in model.generate(messages, sampling=Sampling(max_tokens=2), deadline=deadline):
        if first_s is None and isinstance(event, TextDelta) and event.tokens:
            first_s = time.perf_counter()
    assert first_s is not None, "an answer has a token"
    return (first_s - started_s) * 1000


def _prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_TEXT.split()) for _ in range(words)) + "."


def _rows(model: str, taken: Milliseconds) -> Iterator[str]:
    """Markdown: medians and the largest; for the warm ones the share of the cold."""
    cold = {"second turn": "second turn, cold", "long system": "long system prompt after a restart, not saved"}
    yield f"| {model}: time to first token | median, ms | largest | of cold |"
    yield "|---|---|---|---|"
    for name, ms in taken.items():
        base = next((statistics.median(taken[of]) for prefix, of in cold.items() if name.startswith(prefix)), None)
        share = f"{statistics.median(ms) / base:.3f}" if base else "–"
        yield f"| {name} | {statistics.median(ms):.0f} | {max(ms):.0f} | {share} |"


if __name__ == "__main__":
    main()
