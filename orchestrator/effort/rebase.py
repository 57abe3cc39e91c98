"""Reward-balanced tree search: REBASE (Wu et al. 2024, arXiv 2408.00724).

Answers are written step by step, a line or a sentence each. After every step the samples that are left are shared out
among the steps by the softmax of their rewards, so good beginnings are continued several times, and poor ones not at
all. Where the paper asks a reward model, the default here is how likely the model itself found the step: it costs
nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final

from orchestrator.effort.extraction import Extractor
from orchestrator.effort.sampling import Halt, Sample, Task, write
from orchestrator.effort.strategy import elected, likeliest, shown, standing
from orchestrator.effort.vote import Vote
from orchestrator.types import Completed, Effort, EffortReceipt, FinishReason, ModelEvent, Started, TextDelta, Usage

Scorer = Callable[[Sample], float]
"""The reward of a sample's latest step, 0 to 1."""

BALANCE: Final = 0.2
"""Temperature of the softmax over rewards, as in the paper's experiments; small ones follow the best step alone."""
_STEP: Final = re.compile(r"\S[^\n]*?(?:[.!?]+[ \t]|\n+)")


def step_likelihood(sample: Sample) -> float:
    """Geometric mean of the probabilities of the latest step's tokens."""
    logprobs = [token.logprob for token in sample.tokens[sample.inherited :]]
    return min(1.0, math.exp(sum(logprobs) / len(logprobs))) if logprobs else 0.0


class Rebase:
    """Searches with `n` samples and at most `n` answers' tokens; the finished answers vote by their likelihood."""

    def __init__(self, n: int, extract: Extractor, *, score: Scorer = step_likelihood) -> None:
        self._n = n
        self._extract = extract
        self._score = score
        self._steps: list[Sample] = []
        self._vote = Vote(n)

    async def run(self, task: Task, halt: Halt) -> AsyncGenerator[ModelEvent, None]:
        """See `Strategy`."""
        yield Started(task.model.name)
        parents, left = [Sample(0)] * self._n, self._n
        while parents and not (halt.reason or task.deadline.expired):
            steps = self._continued(parents)
            limits = self._limits(task, steps)
            async with aclosing(write(task, steps, halt, begin=partial(one_step, task, limits))) as deltas:
                async for delta in deltas:
                    yield delta
            for step in steps:
                _end_at_limit(step, limits[step.index])
            left -= sum(step.completed is not None for step in steps)
            going_on = [step for step in steps if step.completed is None]
            widths = shares([self._score(step) for step in going_on], left)
            parents = [step for step, width in zip(going_on, widths, strict=True) for _ in range(width)]
            parents = parents[: self._tokens_left(task)]
        answers = standing(self._steps)[: self._n]
        self._vote = elected(answers, self._n, self._extract, weighted=True)
        winner = self._vote.winner
        chosen = likeliest([s for s in answers if winner is None or self._extract(s.whole) == winner])
        for event in shown(chosen, self._steps, halt):
            yield event

    def _continued(self, parents: Sequence[Sample]) -> list[Sample]:
        """A new step behind each, with a seed of its own."""
        steps = [
            Sample(len(self._steps) + place, parent.whole, tokens=list(parent.tokens), inherited=len(parent.tokens))
            for place, parent in enumerate(parents)
        ]
        self._steps += steps
        return steps

    def _limits(self, task: Task, steps: Sequence[Sample]) -> dict[int, int]:
        """Tokens that each step may have, 1 or more: of its answer, and its part of what all may have together."""
        part = self._tokens_left(task) // len(steps)
        return {step.index: min(task.sampling.max_tokens - step.inherited, part) for step in steps}

    def _tokens_left(self, task: Task) -> int:
        """Of `n` whole answers."""
        return self._n * task.sampling.max_tokens - sum(len(step.tokens) - step.inherited for step in self._steps)

    @property
    def receipt(self) -> EffortReceipt:
        """See `Strategy`. Samples are steps here."""
        return EffortReceipt(strategy=Effort.REBASE, samples=len(self._steps), votes=self._vote.weights)


async def one_step(task: Task, limits: Mapping[int, int], step: Sample) -> AsyncGenerator[ModelEvent, None]:
    """The events of a sample up to the end of a line or sentence; `Completed` comes only where the answer ends.

    `limits` has the tokens that each step may have, by its index.
    """
    text = ""
    async with aclosing(task.begin(step, limits[step.index])) as events:
        async for event in events:
            if not isinstance(event, TextDelta):
                yield event
                continue
            end = _STEP.match((text + event.text).lstrip())
            text += event.text
            if end is None:
                yield event
                continue
            beyond = len(text.lstrip()) - end.end()
            yield TextDelta(event.text[: len(event.text) - beyond], event.tokens, event.bytes_moved)
            return


def _end_at_limit(step: Sample, limit: int) -> None:
    """A step that ends where its tokens do is the end of its answer."""
    if step.completed is None and len(step.tokens) - step.inherited >= limit:
        step.completed = Completed(Usage(), FinishReason.LENGTH)


def shares(rewards: Sequence[float], budget: int) -> list[int]:
    """`budget` samples shared out by the softmax of `rewards`; what rounding leaves goes to the largest remainders.

    The paper rounds each share to the nearest, and may spend a little more or less than the budget.
    """
    if not rewards or budget <= 0:
        return [0] * len(rewards)
    top = max(rewards)
    weights = [math.exp((reward - top) / BALANCE) for reward in rewards]
    exact = [budget * weight / sum(weights) for weight in weights]
    whole = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: whole[at] - exact[at])
    for at in by_remainder[: budget - sum(whole)]:
        whole[at] += 1
    return whole
