"""Drafts that a smaller model writes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Floats, score
from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.guess import Guess
from edge_agent.slm.speculation.pace import Pace
from orchestrator.errors import InferenceFailed
from orchestrator.ports import Clock

_LEVELS = 8
_PRIOR = tuple((level + 0.5) / _LEVELS for level in range(_LEVELS))
"""Share of right guesses by the draft model's own probability of its token: to begin with, it is believed."""
_CONTEXT = 64
"""Tokens of a prompt that the draft model reads. What is copied from further back, a prompt lookup finds."""


class DraftModel:
    """A smaller model with the same vocabulary guesses ahead (Leviathan et al. 2023, arXiv 2211.17192).

    Its guess is its likeliest token, also where the target model samples: the guess is then a point mass, and taking
    it with the probability that the target model gives it is rejection sampling. It goes on as long as one token more
    can be expected to pay for its own pass and for its part of the target model's. Where not even the first one does,
    it is not asked.
    """

    def __init__(self, decoder: Decoder, pace: Pace, costs: PassCosts, clock: Clock, *, vocabulary: int) -> None:
        """Args:
        decoder: of the draft model; it gets a cache of its own for this sequence.
        pace: from `draft_pace`.
        costs: of the target model's passes.
        clock: times the draft model's.
        vocabulary: width of the target model's logits: a draft model's may be padded further.
        """
        self._decoder = decoder
        self._cache = decoder.new_cache()
        self._pace = pace
        self._costs = costs
        self._clock = clock
        self._vocabulary = vocabulary
        self._interrupt = Interrupt()
        self._guess: Guess | None = None
        self._skipped = -1
        self._bytes = 0

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """As `Drafter.propose`."""
        if self._guess:
            self._guess.tell(self._pace, tokens)
            self._guess = None
        if self._skipped < 0:
            self._skipped = max(0, len(tokens) - _CONTEXT)
        most = min(most, self._decoder.window - (len(tokens) - self._skipped) - 1)
        if most < 1 or not self._pace.goes_on([], spent=0.0, token_cost=self._token_cost):
            return []
        try:
            return self._draft(tokens, most)
        except InferenceFailed:  # a draft that cannot be had costs time, and not the answer
            self._cache.truncate(0)
            return []

    def take_bytes(self) -> int:
        """As `Drafter.take_bytes`: the weights once a pass, and the keys and values."""
        taken, self._bytes = self._bytes, 0
        return taken

    @property
    def _token_cost(self) -> float:
        return self._costs.of_one(self._decoder.costs)

    def _draft(self, tokens: Sequence[int], most: int) -> list[int]:
        drafted: list[int] = []
        levels: list[int] = []
        logits = self._read(tokens)
        while True:
            token = int(logits.argmax())
            drafted.append(token)
            levels.append(min(_LEVELS - 1, int(math.exp(score(logits, token).logprob) * _LEVELS)))
            spent = self._token_cost * len(drafted)
            if len(drafted) == most or not self._pace.goes_on(levels, spent=spent, token_cost=self._token_cost):
                break
            logits = self._pass([token])
        self._guess = Guess(len(tokens), drafted, levels)
        return drafted[: self._pace.length(levels, spent=spent)]

    def _read(self, tokens: Sequence[int]) -> Floats:
        """Logits [V] of the draft model behind `tokens`; what it drafted in vain is taken back."""
        wanted, held = tokens[self._skipped :], self._cache.tokens
        most = min(len(held), len(wanted) - 1)
        self._cache.truncate(next((at for at in range(most) if held[at] != wanted[at]), most))
        return self._pass(wanted[len(self._cache) :])

    def _pass(self, tokens: Sequence[int]) -> Floats:
        """One pass. After a draft that was right in all it is over two tokens, which counts as one."""
        start = self._clock.monotonic()
        logits: Floats = self._decoder.forward(self._cache, tokens, self._interrupt)[0, : self._vocabulary]
        self._bytes += self._decoder.bytes_moved(self._cache)
        if len(tokens) <= 2:
            self._decoder.costs.observe(1, self._clock.monotonic() - start)
        return logits


def draft_pace(costs: PassCosts) -> Pace:
    """A pace whose levels are eighths of the draft model's probability. All sequences of a model share one."""
    return Pace(costs, _PRIOR)
