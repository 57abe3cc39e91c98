"""The on-device engine: load, prefill, decode, time to first token, memory.

`python -m benchmarks.slm [--model NAME] [--rounds N] [--threads N] [--json]` prints a Markdown table, or JSON. Figures
are medians with the lowest and the highest of all rounds. Each part is measured in a process of its own, so that its
peak memory is its own; the machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from edge_agent.slm.cores import usable_cores
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.model import CPU, OnnxModel
from edge_agent.slm.pull import ensure
from edge_agent.slm.session import Session
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.types import Message, Sampling, TextDelta

PREFILLS = (128, 512)
DECODES = (16, 512)
DECODED_TOKENS = 32
QUESTION = "What do bees make?"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, in every round."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def row(self) -> str:
        """As a line of a Markdown table."""
        numbers = (statistics.median(self.values), min(self.values), max(self.values))
        return f"| {self.name} | {self.unit} | {' | '.join(f'{number:,.0f}' for number in numbers)} |"


Part = Callable[[Path, int, int], list[Figure]]
"""Measures the model in a folder with so many threads in so many rounds."""


def as_an_app_sees_it(folder: Path, threads: int, rounds: int) -> list[Figure]:
    """Load, and the first token of short questions: the first, another behind the same system text, the same again."""
    loads, first, other, again = [], [], [], []
    for _ in range(rounds):
        start = time.perf_counter()
        with OnnxModel.open(folder, threads=threads) as model:
            loads.append(_ms_since(start))
            first.append(asyncio.run(_first_token_ms(model, "Who wrote Hamlet?")))
            other.append(asyncio.run(_first_token_ms(model, QUESTION)))
            again.append(asyncio.run(_first_token_ms(model, QUESTION)))
    return [
        Figure("load", "ms", tuple(loads)),
        Figure("first token of the first short question", "ms", tuple(first)),
        Figure("first token of another short question", "ms", tuple(other)),
        Figure("first token of the same question again", "ms", tuple(again)),
    ]


def passes(folder: Path, threads: int, rounds: int) -> list[Figure]:
    """Prefill and decode over random tokens, and the peak memory of a process that did nothing else.

    Decode at N is behind N tokens.
    """
    files = ModelFolder(folder)
    session = Session.open(files.graph, threads=threads, providers=CPU)
    decoder = Decoder(session, window=files.context_tokens, weight_bytes=files.weight_bytes)
    rng = np.random.default_rng(0)

    def prefill(length: int) -> float:
        return _read(decoder, rng.integers(1000, session.signature.vocabulary - 1000, length).tolist())[0]

    def decode(length: int) -> float:
        return _read(decoder, rng.integers(1000, session.signature.vocabulary - 1000, length).tolist())[1]

    prefill(max(PREFILLS))  # the first passes lay out memory
    figures = [Figure(f"prefill {n}", "tok/s", tuple(prefill(n) for _ in range(rounds))) for n in PREFILLS]
    figures += [Figure(f"decode at {n}", "tok/s", tuple(decode(n) for _ in range(rounds))) for n in DECODES]
    return [*figures, Figure("peak memory", "MB", (_peak_memory_mb(),))]


PARTS: tuple[Part, ...] = (as_an_app_sees_it, passes)


def main() -> None:
    """Measure one model and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slm", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="a catalog name, pulled where it is missing")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = ensure(options.model)
    figures: list[Figure] = []
    for part in PARTS:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            figures += process.submit(part, folder, options.threads, options.rounds).result()
    about = {"model": options.model, "threads": options.threads, "rounds": options.rounds}
    about |= {
        "onnxruntime": onnxruntime.__version__,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    if options.json:
        print(json.dumps(about | {"figures": [asdict(figure) for figure in figures]}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()), end="\n\n")
        print("| what | unit | median | lowest | highest |\n|---|---|---|---|---|")
        print("\n".join(figure.row for figure in figures))


def _read(decoder: Decoder, prompt: list[int]) -> tuple[float, float]:
    """Tokens a second of reading `prompt`, and of writing behind it, logits included but no sampling."""
    cache, interrupt = decoder.new_cache(), Interrupt()
    start = time.perf_counter()
    for _ in decoder.prefill(cache, prompt, interrupt):
        pass
    middle = time.perf_counter()
    for token in prompt[:1] * DECODED_TOKENS:
        decoder.forward(cache, [token], interrupt)
    return len(prompt) / (middle - start), DECODED_TOKENS / (time.perf_counter() - middle)


async def _first_token_ms(model: OnnxModel, question: str) -> float:
    start = time.perf_counter()
    never = Deadline.after(SystemClock(), None)
    async for event in model.generate([Message("user", question)], sampling=Sampling(max_tokens=1), deadline=never):
        if isinstance(event, TextDelta) and event.tokens:
            return _ms_since(start)
    raise RuntimeError("the model wrote no token")


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _peak_memory_mb() -> float:
    """Of this process. macOS counts bytes, Linux kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    main()
