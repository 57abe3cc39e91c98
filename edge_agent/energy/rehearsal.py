"""Running a model to see what its tokens take: short and long prompts in turn, an answer behind each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from edge_agent.energy.counted import JouleCounter
from edge_agent.slm.progress import Advance
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import InferenceFailed
from orchestrator.ports import Clock, EnergyMeter, EnergySpan, LocalModel
from orchestrator.types import Message, Sampling, TextDelta
from orchestrator.units import Energy

LENGTHS: Final = (32, 128, 384, 1024)
"""Prompt tokens, about: the template's own come on top."""
_ANSWER_TOKENS: Final = 24
_LEAST_ROUNDS: Final = 2
_LONGEST_SHARE: Final = 0.25
"""Longer prompts are left out once one run takes this share of the time."""
_IDLE_S: Final = 1.0
_IDLE_STRETCHES: Final = 4
_SENTENCE: Final = "Tell me how bees make honey, step by step, and why they do it."


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a part of a run took."""

    ms: float
    cpu_s: float
    n_bytes: int
    """Moved from memory, as the model tells."""


@dataclass(frozen=True, slots=True)
class Run:
    """One prompt and its answer."""

    prompt_tokens: int
    written: int
    """Tokens of the answer behind its first one."""
    prefill: Stretch
    """Until the first token."""
    decode: Stretch
    """The tokens behind it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Runs that were metered together, because the meter is too slow for one."""

    runs: tuple[Run, ...]
    energy: Energy


@dataclass(slots=True)
class Rehearsal:
    """What is known of a model's cost after it was run."""

    runs: list[Run] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


class Stage:
    """A model with the meter and the clocks that watch it."""

    def __init__(
        self,
        model: LocalModel,
        meter: EnergyMeter,
        clock: Clock,
        *,
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        """The model is to draft nothing and to keep no prompts: what is looked for is what a plain token takes."""
        self._model = model
        self._meter = meter
        self._clock = clock
        self._cpu_seconds = cpu_seconds
        self._turns = count()

    async def rehearse(self, *, seconds: float, block_s: float, advance: Advance) -> Rehearsal:
        """Run prompts of several lengths in turn for about `seconds`, and at least twice each.

        Args:
            seconds: to take, on the clock.
            block_s: how long to meter at least, for one figure of joules.
            advance: told how many of the seconds are over.

        Raises:
            ModelError: the model fails.
        """
        rehearsal, began_s = Rehearsal(), self._clock.monotonic()
        lengths = [length for length in LENGTHS if length <= self._model.context_tokens // 2] or [LENGTHS[0]]
        await self.run(lengths[0])  # the first one warms up
        block = _OpenBlock(self._meter, self._clock)
        for rounds in count():
            for length in tuple(lengths):
                spent_s = self._clock.monotonic() - began_s
                if spent_s >= seconds and rounds >= _LEAST_ROUNDS:
                    block.close_into(rehearsal)
                    return rehearsal
                run = await self.run(length, block.span)
                rehearsal.runs.append(run)
                if block.add(run) >= block_s:
                    block.close_into(rehearsal)
                    block = _OpenBlock(self._meter, self._clock)
                advance(int(min(seconds, self._clock.monotonic() - began_s)))
                if run.prefill.ms + run.decode.ms > seconds * 1000 * _LONGEST_SHARE:
                    lengths = [shorter for shorter in lengths if shorter <= length]
        raise AssertionError("counting has no end")

    async def run(self, prompt_tokens: int, span: EnergySpan | None = None) -> Run:
        """Read a prompt of about `prompt_tokens` tokens and write an answer, which comes to its end.

        Raises:
            ModelError: the model fails.
            InferenceFailed: it wrote nothing.
        """
        prompt = self._prompt(prompt_tokens)
        length = self._model.count_tokens(prompt)
        sampling = Sampling(max_tokens=_ANSWER_TOKENS)
        marks, moved = [self._mark(0)], 0
        generating = self._model.generate(prompt, sampling=sampling, deadline=Deadline.after(self._clock, None))
        async for event in generating:
            if isinstance(event, TextDelta):
                moved += event.bytes_moved
                if span is not None:
                    span.moved(event.bytes_moved)
                if event.tokens:
                    marks.append(self._mark(moved))
        if len(marks) < 2:
            raise InferenceFailed(f"{self._model.name} wrote nothing", remedy="try edgewise models bench with it")
        return Run(length, len(marks) - 2, _between(marks[0], marks[1]), _between(marks[1], marks[-1]))

    def _mark(self, n_bytes: int) -> Stretch:
        return Stretch(self._clock.monotonic() * 1000, self._cpu_seconds(), n_bytes)

    def _prompt(self, tokens: int) -> Sequence[Message]:
        """Each begins differently: what a prompt has in common with the one before would not be read again."""
        opening = Message("system", f"{next(self._turns)}. You are a helpful assistant.")
        each = max(1, self._model.count_tokens([Message("user", " ".join([_SENTENCE] * 9))]) // 9)
        return [opening, Message("user", " ".join([_SENTENCE] * max(1, tokens // each)))]


async def idle_watts(counter: JouleCounter, clock: Clock) -> float | None:
    """What `counter` shows when nothing runs: the least of a few stretches, since others may work in some.

    Returns:
        None where it was blind: a battery that is charged.
    """
    watts = []
    for _ in range(_IDLE_STRETCHES if counter.trust.least_s == 0 else 1):
        seconds = max(_IDLE_S, counter.trust.least_s)
        before = counter.read()
        await clock.sleep(seconds)
        after = counter.read()
        if after.blind_s > before.blind_s:
            return None
        watts.append((after.joules - before.joules) / seconds)
    return min(watts)


class _OpenBlock:
    """A span and the runs in it."""

    def __init__(self, meter: EnergyMeter, clock: Clock) -> None:
        self.span = meter.start()
        self._clock = clock
        self._began_s = clock.monotonic()
        self._runs: list[Run] = []

    def add(self, run: Run) -> float:
        """Seconds since it began."""
        self._runs.append(run)
        return self._clock.monotonic() - self._began_s

    def close_into(self, rehearsal: Rehearsal) -> None:
        """An unfinished block counts too; an empty one does not."""
        energy = self.span.stop()
        if self._runs:
            rehearsal.blocks.append(Block(tuple(self._runs), energy))


def _between(before: Stretch, after: Stretch) -> Stretch:
    return Stretch(after.ms - before.ms, after.cpu_s - before.cpu_s, after.n_bytes - before.n_bytes)
