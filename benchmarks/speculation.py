"""Speculation against plain decoding: the same model and the same answers, in turns.

`python -m benchmarks.speculation [FOLDER] [--draft FOLDER] [--answers N] [--most N] [--threads N] [--json]` opens a
model twice, with and without speculation, and has both answer questions about the records of the example household,
laid out as the agent does it, and questions that no record answers. Timed is what comes behind the first token. An
answer that is not the same is counted: there should be none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.slm.contestant import Prompt
from benchmarks.slm.prompts import QUESTIONS, Prompts
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import ensure
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.types import Sampling, TextDelta

FREE = (
    *QUESTIONS,
    "Tell me how bees make honey.",
    "Write a short poem about rain.",
    "What is the capital of France, and why is it famous?",
    "Explain photosynthesis to a child.",
    "Give me three tips for sleeping better.",
    "Who was Marie Curie?",
    "Write a short story about a lost dog.",
    "What is inflation?",
    "Describe the taste of coffee.",
    "What are the benefits of exercise?",
    "How does a bicycle stay upright?",
    "Write a short letter to a friend who has moved away.",
)
"""Questions that no record answers: there is little to copy."""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer: its tokens as they came, and what they took.

    Attributes:
        seconds: from the first token to the last.
        passes: of the model, in that time.
    """

    shown: tuple[str, ...]
    logprobs: tuple[float, ...]
    seconds: float
    passes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kind of question came to.

    Attributes:
        plain, speculative: tokens a second behind the first, over all answers.
        ratio: of the two.
        answer_ratio: the median of the ratios of single answers.
        tokens_per_pass: with speculation; 1 without.
        same: answers that are the same token by token.
    """

    kind: str
    answers: int
    same: int
    tokens: int
    plain: float
    speculative: float
    ratio: float
    answer_ratio: float
    tokens_per_pass: float


def compare(kind: str, prompts: list[Prompt], plain: OnnxModel, speculative: OnnxModel, most: int) -> Outcome:
    """Have both models answer each of `prompts` with up to `most` tokens, in turns; the first answers warm up."""
    for model in (plain, speculative):
        write(model, prompts[0], most)
    # What comes first changes from one to the next: a processor that warms up or slows down harms both alike.
    pairs = []
    for at, prompt in enumerate(prompts):
        one, other = (plain, speculative)[:: -1 if at % 2 else 1]
        pair = write(one, prompt, most), write(other, prompt, most)
        pairs.append(pair[:: -1 if at % 2 else 1])
    lengths = [len(left.shown) - 1 for left, _ in pairs]
    tokens, passes = sum(len(right.shown) - 1 for _, right in pairs), sum(right.passes for _, right in pairs)
    times = [sum(pair[side].seconds for pair in pairs) for side in (0, 1)]
    ratios = [left.seconds / right.seconds for left, right in pairs if len(left.shown) > 2]
    return Outcome(
        kind=kind,
        answers=len(pairs),
        same=sum(left.shown == right.shown and left.logprobs == right.logprobs for left, right in pairs),
        tokens=sum(lengths),
        plain=sum(lengths) / times[0],
        speculative=tokens / times[1],
        ratio=tokens / times[1] / (sum(lengths) / times[0]),
        answer_ratio=median(ratios),
        tokens_per_pass=tokens / passes,
    )


def write(model: OnnxModel, prompt: Prompt, most: int) -> Written:
    """One greedy answer."""
    return asyncio.run(_written(model, prompt, most))


async def _written(model: OnnxModel, prompt: Prompt, most: int) -> Written:
    clock = SystemClock()
    events = model.generate(prompt.messages, sampling=Sampling(max_tokens=most), deadline=Deadline.after(clock, None))
    deltas = [(clock.monotonic(), event) async for event in events if isinstance(event, TextDelta) and event.tokens]
    return Written(
        shown=tuple(delta.text for _, delta in deltas),
        logprobs=tuple(delta.tokens[0].logprob for _, delta in deltas),
        seconds=deltas[-1][0] - deltas[0][0],
        passes=sum(delta.bytes_moved > 0 for _, delta in deltas[1:]),
    )


def outcomes(folder: Path, *, draft: Path | None, answers: int, most: int, threads: int) -> Iterator[Outcome]:
    """Both kinds of question."""
    prompts = Prompts(folder)
    kinds = {"grounded": prompts.grounded(answers), "free": [prompts.question(text) for text in FREE[:answers]]}
    with (
        OnnxModel.open(folder, threads=threads, speculation=False) as plain,
        OnnxModel.open(folder, threads=threads, draft=draft) as speculative,
    ):
        for kind, asked in kinds.items():
            yield compare(kind, asked, plain, speculative, most)


def main() -> None:
    """Measure and print a Markdown table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speculation", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a model folder; the default model without one")
    parser.add_argument("--draft", type=Path, help="the folder of a smaller model with the same vocabulary")
    parser.add_argument("--answers", type=int, default=20, help="of each kind")
    parser.add_argument("--most", type=int, default=64, help="tokens of an answer")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.folder or ensure("smollm2-135m-instruct")
    measured = outcomes(
        folder, draft=options.draft, answers=options.answers, most=options.most, threads=options.threads
    )
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in measured], indent=2))
        return
    print("| questions | answers | the same | tok/s plain | speculative | ratio | median of answers | tokens a pass |")
    print("|---|---|---|---|---|---|---|---|")
    for found in measured:
        speeds = f"{found.plain:.1f} | {found.speculative:.1f} | {found.ratio:.2f} | {found.answer_ratio:.2f}"
        print(f"| {found.kind} | {found.answers} | {found.same} | {speeds} | {found.tokens_per_pass:.2f} |")


if __name__ == "__main__":
    main()
