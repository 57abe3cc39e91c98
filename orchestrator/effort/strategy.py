"""Strategies: ways of taking more trouble over an answer on the device, each a stream of events like a model's.

What a strategy writes for itself comes out as tokens without text, so that time, joules and tokens are accounted for
as they are spent. The text comes once it is chosen, in one piece.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from orchestrator.effort.extraction import Extractor
from orchestrator.effort.sampling import Halt, Sample, Task, write
from orchestrator.effort.vote import Vote
from orchestrator.types import (
    Completed,
    Effort,
    EffortReceipt,
    FinishReason,
    ModelEvent,
    Request,
    Started,
    TextDelta,
    Usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortRules:
    """Which strategies a decision may choose by itself, and how they work."""

    strategies: tuple[Effort, ...] = ()
    """Others are used where a question asks for them."""
    samples: int = 5
    """That one question may take."""
    temperature: float = 0.5
    """Of samples, where the question's own is 0: samples have to differ."""
    weighted: bool = True
    """Whether a vote counts by how likely the model found its answer; otherwise each counts the same."""

    def wanted(self, request: Request) -> list[Effort]:
        """Those that a decision on `request` may choose, and the one that it asks for; none where it wants none."""
        if request.effort is Effort.NONE:
            return []
        asked = () if request.effort is None else (request.effort,)
        return list(dict.fromkeys((*self.strategies, *asked)))


class Strategy(Protocol):
    """A way of making one answer of several."""

    def run(self, task: Task, halt: Halt) -> AsyncGenerator[ModelEvent, None]:
        """The answer as a model's stream: `Started`, tokens, the chosen text, `Completed`.

        At the deadline and at a halt it chooses among what there is. Closing it stops the work.

        Raises:
            InferenceFailed, ContextWindowExceeded: of the model.
        """
        ...

    @property
    def receipt(self) -> EffortReceipt:
        """What was done so far."""
        ...


class BestOfN:
    """Writes `n` samples and shows the one that the model finds likeliest, token for token."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._samples: list[Sample] = []

    async def run(self, task: Task, halt: Halt) -> AsyncGenerator[ModelEvent, None]:
        """See `Strategy`."""
        yield Started(task.model.name)
        self._samples = [Sample(index) for index in range(self._n)]
        async with aclosing(write(task, self._samples, halt)) as deltas:
            async for delta in deltas:
                yield delta
        chosen = likeliest(standing(self._samples))
        for event in shown(chosen, self._samples, halt):
            yield event

    @property
    def receipt(self) -> EffortReceipt:
        """See `Strategy`."""
        return EffortReceipt(strategy=Effort.BEST, samples=len(self._samples))


class Voting:
    """Writes up to `n` samples, which vote; the likeliest of the winning ones is shown.

    Samples come in waves, each the smallest that could settle the vote: of five, first three, and no more where they
    agree. The outcome depends on no sample's speed.
    """

    def __init__(self, n: int, extract: Extractor, *, weighted: bool) -> None:
        """`extract` gives the key under which an answer is counted."""
        self._n = n
        self._extract = extract
        self._weighted = weighted
        self._samples: list[Sample] = []
        self._vote = Vote(n)

    async def run(self, task: Task, halt: Halt) -> AsyncGenerator[ModelEvent, None]:
        """See `Strategy`."""
        yield Started(task.model.name)
        while not (self._vote.settled or halt.reason or task.deadline.expired):
            wave = [Sample(len(self._samples) + place) for place in range(self._vote.needed)]
            self._samples += wave
            async with aclosing(write(task, wave, halt)) as deltas:
                async for delta in deltas:
                    yield delta
            self._vote = elected(standing(self._samples), self._n, self._extract, weighted=self._weighted)
        for event in shown(self._chosen(), self._samples, halt):
            yield event

    def _chosen(self) -> Sample | None:
        winner, remaining = self._vote.winner, standing(self._samples)
        return likeliest([s for s in remaining if winner is None or self._extract(s.whole) == winner])

    @property
    def receipt(self) -> EffortReceipt:
        """See `Strategy`."""
        return EffortReceipt(strategy=Effort.VOTE, samples=len(self._samples), votes=self._vote.weights)


def elected(samples: Sequence[Sample], voters: int, extract: Extractor, *, weighted: bool) -> Vote:
    """The vote of samples, in their order."""
    vote = Vote(voters)
    for sample in samples:
        vote.cast(extract(sample.whole), sample.likelihood if weighted else 1.0)
    return vote


def standing(samples: Sequence[Sample]) -> list[Sample]:
    """Those that may be chosen: the ones that ended; of none, those that have any text."""
    return [s for s in samples if s.ended] or [s for s in samples if s.whole]


def likeliest(samples: Sequence[Sample]) -> Sample | None:
    """The one that the model finds likeliest, of equals the first."""
    return max(samples, key=lambda sample: sample.likelihood, default=None)


def shown(chosen: Sample | None, samples: Sequence[Sample], halt: Halt) -> list[ModelEvent]:
    """The events with which a strategy ends. The prompt counts as read once, and every token that was written."""
    ends = [sample.completed for sample in samples if sample.completed is not None]
    usage = Usage(
        max((end.usage.prompt_tokens for end in ends), default=0),
        sum(len(sample.tokens) - sample.inherited for sample in samples),
        dropped_tokens=max((end.usage.dropped_tokens for end in ends), default=0),
    )
    cut = halt.reason or FinishReason.DEADLINE
    reason = chosen.completed.finish_reason if chosen and chosen.completed else cut
    text = [TextDelta(chosen.whole)] if chosen and chosen.whole else []
    return [*text, Completed(usage, reason)]
