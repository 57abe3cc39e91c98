"""Speculation for all sequences of one model."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.speculation.draft_model import DraftModel, draft_pace
from edge_agent.slm.speculation.drafter import Drafter
from edge_agent.slm.speculation.prompt_lookup import PromptLookup, lookup_pace
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock


class Speculator:
    """Makes the drafters of a model's sequences, which learn together what pays on this machine."""

    def __init__(self, decoder: Decoder, *, draft: Decoder | None = None, clock: Clock | None = None) -> None:
        """Args:
        decoder: of the target model.
        draft: of a smaller model with the same vocabulary; without one, drafts are only copied.
        clock: times the draft model; by default the system's.
        """
        self._decoder = decoder
        self._clock = clock or SystemClock()
        self._draft = draft
        self._lookup_pace = lookup_pace(decoder.costs)
        self._draft_pace = draft_pace(decoder.costs)

    def drafter(self) -> Drafter:
        """For one sequence. What is copied costs nothing to draft and goes first."""
        drafters: list[Drafter] = [PromptLookup(self._lookup_pace)]
        if self._draft is not None:
            width, costs = self._decoder.vocabulary, self._decoder.costs
            drafters.append(DraftModel(self._draft, self._draft_pace, costs, self._clock, vocabulary=width))
        return FirstOf(drafters)


class FirstOf:
    """The guess of the first drafter that has one."""

    def __init__(self, drafters: Sequence[Drafter]) -> None:
        """Args:
        drafters: those behind one with a guess are not asked.
        """
        self._drafters = drafters

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """As `Drafter.propose`."""
        return next((guess for drafter in self._drafters if (guess := drafter.propose(tokens, most))), [])

    def take_bytes(self) -> int:
        """As `Drafter.take_bytes`, of all of them."""
        return sum(drafter.take_bytes() for drafter in self._drafters)
