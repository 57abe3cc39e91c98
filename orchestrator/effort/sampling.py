"""Several samples of one prompt at once, as one stream of what they take."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import cast

from orchestrator.budget import Deadline
from orchestrator.ports import LocalModel
from orchestrator.types import Completed, FinishReason, Message, ModelEvent, Sampling, TextDelta, TokenScore


class Halt:
    """Tells a strategy in the middle of its work to make do with what it has."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None

    def stop(self, reason: FinishReason) -> None:
        """Stop soon; the answer that is chosen then ended for this reason, unless it had ended by itself."""
        self.reason = reason


@dataclass(slots=True)
class Sample:
    """One answer, or a step of one, as far as it has come."""

    index: int
    """Its place among the samples of a question: it gives the seed."""
    prefix: str = ""
    """The steps before it."""
    text: str = ""
    tokens: list[TokenScore] = field(default_factory=list)
    inherited: int = 0
    """How many of the tokens are of the steps before it."""
    completed: Completed | None = None

    @property
    def ended(self) -> bool:
        """Whether it ended by itself or at its length, and was not cut."""
        return self.completed is not None and self.completed.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)

    @property
    def likelihood(self) -> float:
        """Geometric mean of its tokens' probabilities, 0 to 1; of no tokens, 0."""
        if not self.tokens:
            return 0.0
        return min(1.0, math.exp(sum(token.logprob for token in self.tokens) / len(self.tokens)))

    @property
    def whole(self) -> str:
        """With the steps before it."""
        return self.prefix + self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a strategy has to answer."""

    model: LocalModel
    messages: Sequence[Message]
    sampling: Sampling
    """Of one sample; its temperature is above 0."""
    deadline: Deadline
    prefix: str = ""
    """The beginning of the answer, where the caller has one."""

    def begin(self, sample: Sample, max_tokens: int | None = None) -> AsyncGenerator[ModelEvent, None]:
        """Write a sample, with a seed of its own."""
        sampling = replace(
            self.sampling,
            seed=self.sampling.seed + sample.index,
            max_tokens=self.sampling.max_tokens if max_tokens is None else max_tokens,
        )
        prefix = self.prefix + sample.prefix
        stream = self.model.generate(self.messages, sampling=sampling, deadline=self.deadline, prefix=prefix)
        return cast(AsyncGenerator[ModelEvent, None], stream)


async def write(
    task: Task,
    samples: Sequence[Sample],
    halt: Halt,
    *,
    begin: Callable[[Sample], AsyncGenerator[ModelEvent, None]] | None = None,
) -> AsyncGenerator[TextDelta, None]:
    """Write samples together, into themselves; what comes out are their tokens without their text, to be metered.

    They share the prompt: the model reads it once. Closing the generator, or the halt, stops all of them. `begin`
    starts a sample otherwise than with the task.

    Raises:
        InferenceFailed, ContextWindowExceeded: of any of them.
    """
    streams = [(begin or task.begin)(sample) for sample in samples]
    async with aclosing(together(streams)) as events:
        async for at, event in events:
            sample = samples[at]
            match event:
                case TextDelta(text=text, tokens=tokens, bytes_moved=moved):
                    sample.text += text
                    sample.tokens.extend(tokens)
                    yield TextDelta("", tokens, moved)
                case Completed():
                    sample.completed = event
            if halt.reason is not None:
                return


async def together(
    streams: Sequence[AsyncGenerator[ModelEvent, None]],
) -> AsyncGenerator[tuple[int, ModelEvent], None]:
    """The events of several streams as they come, each with the place of its stream.

    Closing it closes all of them. An error of one is raised, and ends the others.
    """
    coming: asyncio.Queue[tuple[int, ModelEvent] | Exception | None] = asyncio.Queue()

    async def follow(at: int, stream: AsyncGenerator[ModelEvent, None]) -> None:
        try:
            async with aclosing(stream) as events:
                async for event in events:
                    coming.put_nowait((at, event))
        except Exception as error:
            coming.put_nowait(error)
        else:
            coming.put_nowait(None)

    tasks = [asyncio.create_task(follow(at, stream)) for at, stream in enumerate(streams)]
    try:
        running = len(tasks)
        while running:
            item = await coming.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
