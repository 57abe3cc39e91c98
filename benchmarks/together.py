"""Several answers at once: what a batch brings, and how long a short question waits behind a long one.

`python -m benchmarks.together [--model NAME] [--threads N] [--rounds 7] [--json]`

The first table is of passes over 1, 2, 4 and 8 sequences, one token each, behind 64 and 512 tokens. The second is the
time to the first token of a short question: alone, behind the reading of a prompt of about 1,500 tokens, and behind the
writing of a long answer, with the model opened as `edgewise serve` does. The machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np

from edge_agent.slm.cores import usable_cores
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.prefixes import PrefixRoom
from edge_agent.slm.pull import ensure
from edge_agent.slm.session import Session
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.types import Message, Sampling, TextDelta

ROWS = (1, 2, 4, 8)
LENGTHS = (64, 512)
LONG_TOKENS = 1500
WRITTEN_TOKENS = 60
NEVER = Deadline.after(SystemClock(), None)
Figures = dict[str, list[float]]


def main(argv: Sequence[str] | None = None) -> None:
    """Print two tables, or everything as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="catalog name")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    folder = ensure(options.model)
    batched = passes(folder, options.threads, options.rounds)
    waited = asyncio.run(first_tokens(folder, options.threads, options.rounds))
    if options.json:
        print(json.dumps({"pass_ms": batched, "first_token_ms": waited}, indent=2))
        return
    print("| a pass over | ms | tokens/s |\n|---|---|---|")
    for name, values in batched.items():
        ms = statistics.median(values)
        print(f"| {name} | {ms:.1f} | {int(name.split()[0]) / ms * 1000:.0f} |")
    print("\n| first token of a short question | ms, median | lowest | highest |\n|---|---|---|---|")
    for name, values in waited.items():
        print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")


def passes(folder: Path, threads: int, rounds: int) -> Figures:
    """Milliseconds of passes over one token each of several sequences."""
    files = ModelFolder(folder)
    session = Session.open(files.graph, threads=threads, sizes=files.sizes)
    decoder = Decoder(session, window=min(files.context_tokens, 1024), weight_bytes=files.weight_bytes)
    rng, taken, interrupt = np.random.default_rng(0), Figures(), Interrupt()
    for length in LENGTHS:
        rows = decoder.new_rows(max(ROWS))
        caches = [rows.open() for _ in range(max(ROWS))]
        for cache in caches:
            text = rng.integers(1, decoder.vocabulary, length).tolist()
            while len(cache) < length:
                decoder.read(cache, text, interrupt)
        for count in ROWS * rounds:
            start = time.perf_counter()
            decoder.forward_batch(rows, caches[:count], [1] * count, interrupt)
            elapsed_ms = (time.perf_counter() - start) * 1000
            taken.setdefault(f"{count} sequences of {length} tokens", []).append(elapsed_ms)
            for cache in caches[:count]:
                cache.truncate(length)
    return taken


async def first_tokens(folder: Path, threads: int, rounds: int) -> Figures:
    """Milliseconds to the first token of a short question, with nothing kept of earlier ones."""
    taken = Figures()
    sentence = "Tell me how bees make honey, step by step, and why they do it. "
    room = PrefixRoom(memory_bytes=0)
    with OnnxModel.open(folder, threads=threads, prefixes=room, speculation=False) as model:
        each = model.count_tokens([Message("user", sentence * 20)]) / 20
        long = Message("user", sentence * int(LONG_TOKENS / each))
        for turn in range(rounds + 1):
            busy = {"alone": None, "behind a long prompt": long, "behind a long answer": Message("user", sentence)}
            for name, first in busy.items():
                elapsed_ms = await _behind(model, first)
                if turn:  # the first round lays out memory
                    taken.setdefault(name, []).append(elapsed_ms)
    return taken


async def _behind(model: OnnxModel, first: Message | None) -> float:
    """Milliseconds to the first token, asked when the answer to `first` is under way."""
    busy = _events(model, first, WRITTEN_TOKENS) if first else None
    if busy is not None:
        await anext(busy)
    rest = asyncio.create_task(_drain(busy)) if busy is not None else None
    start = time.perf_counter()
    async for delta in _events(model, Message("user", "Who wrote Hamlet?"), 1):
        if delta.tokens:
            elapsed_ms = (time.perf_counter() - start) * 1000
    if rest is not None:
        await rest
    return elapsed_ms


async def _events(model: OnnxModel, question: Message, most: int) -> AsyncGenerator[TextDelta, None]:
    async for event in model.generate([question], sampling=Sampling(max_tokens=most), deadline=NEVER):
        if isinstance(event, TextDelta):
            yield event


async def _drain(events: AsyncGenerator[TextDelta, None]) -> None:
    async for _ in events:
        pass


if __name__ == "__main__":
    main()
