"""How fast a model is on this device, measured as its user meets it: prompt in, text out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_agent.slm.cores import usable_cores
from edge_agent.slm.footprint import peak_memory_mb
from edge_agent.slm.model import OnnxModel
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock
from orchestrator.types import Message, Sampling, TextDelta

_QUESTION = "Tell me how bees make honey, step by step, and why they do it."
_LONG_TOKENS = 512
_NEW_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of what was measured.

    Attributes:
        load_ms: from the folder to a model that can answer.
        first_token_ms: of a short question, the chat template included, nothing of it cached.
        prompt_tokens: length of the long prompt.
        prefill_tokens_per_s: of the long prompt.
        decode_short_tokens_per_s: behind the short question.
        decode_long_tokens_per_s: behind the long prompt.
        peak_memory_mb: the most that this process had resident so far, Python and its libraries included; None where
            the operating system does not tell.
    """

    threads: int
    load_ms: float
    first_token_ms: float
    prompt_tokens: int
    prefill_tokens_per_s: float
    decode_short_tokens_per_s: float
    decode_long_tokens_per_s: float
    peak_memory_mb: float | None


@dataclass(frozen=True, slots=True)
class _Run:
    prompt_tokens: int
    first_token_s: float
    tokens_per_s: float


def measure(folder: Path, *, rounds: int = 3, clock: Clock | None = None) -> Speed:
    """Load the model in `folder` and let it answer a short and a long prompt, `rounds` times after one to warm up.

    Raises:
        ModelError: it cannot be loaded, or fails.
    """
    clock = clock or SystemClock()
    before = clock.monotonic()
    with OnnxModel.open(folder) as model:
        load_ms = (clock.monotonic() - before) * 1000
        length = min(_LONG_TOKENS, model.context_tokens // 2)
        _answer(model, clock, _short(0))
        short = [_answer(model, clock, _short(turn)) for turn in range(1, rounds + 1)]
        long = [_answer(model, clock, _long(model, turn, length)) for turn in range(rounds)]
    return Speed(
        threads=usable_cores(),
        load_ms=load_ms,
        first_token_ms=median(run.first_token_s for run in short) * 1000,
        prompt_tokens=long[0].prompt_tokens,
        prefill_tokens_per_s=median(run.prompt_tokens / run.first_token_s for run in long),
        decode_short_tokens_per_s=median(run.tokens_per_s for run in short),
        decode_long_tokens_per_s=median(run.tokens_per_s for run in long),
        peak_memory_mb=peak_memory_mb(),
    )


def _short(turn: int) -> list[Message]:
    # What a prompt begins with in common with the one before is not computed again, so each begins differently.
    return [Message("system", f"{turn}. You are a helpful assistant."), Message("user", _QUESTION)]


def _long(model: OnnxModel, turn: int, tokens: int) -> list[Message]:
    """A prompt of up to `tokens` tokens, template included."""
    system, question = _short(turn)
    count, grown = 1, question
    while model.count_tokens([system, grown]) <= tokens:
        count += 1
        question, grown = grown, Message("user", " ".join([_QUESTION] * count))
    return [system, question]


def _answer(model: OnnxModel, clock: Clock, prompt: list[Message]) -> _Run:
    return asyncio.run(_timed(model, clock, prompt))


async def _timed(model: OnnxModel, clock: Clock, prompt: list[Message]) -> _Run:
    start = clock.monotonic()
    times = [moment for moment, _ in await tokens_of(model, prompt, _NEW_TOKENS, clock=clock)]
    decoding = times[-1] - times[0]
    return _Run(model.count_tokens(prompt), times[0] - start, (len(times) - 1) / decoding if decoding else 0.0)


async def tokens_of(
    model: OnnxModel, messages: Sequence[Message], most: int, *, clock: Clock
) -> list[tuple[float, str]]:
    """The tokens of a greedy answer of at most `most`: when each was there (on `clock`, in seconds), and its text."""
    events = model.generate(messages, sampling=Sampling(max_tokens=most), deadline=Deadline.after(clock, None))
    return [(clock.monotonic(), event.text) async for event in events if isinstance(event, TextDelta) and event.tokens]
