"""A gateway's turn at writing an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from orchestrator.chat import Chat
from orchestrator.types import ModelEvent, Usage
from orchestrator.wire.requests import continued


class Turn:
    """Most answers have one. Where a gateway died in the middle, another takes its turn: from what was written."""

    __slots__ = ("over", "pieces", "written")

    def __init__(self, written: str = "", pieces: int = 0) -> None:
        self.written = written
        """The text of earlier turns, which callers may have seen."""
        self.pieces = pieces
        """In how many pieces it came. Servers send about one token a piece."""
        self.over = False
        """Whether another gateway goes on with the run: what was reserved for it is in use there."""

    def chat(self, chat: Chat) -> Chat:
        """What is left to ask: the answer goes on behind what was written."""
        if not self.written:
            return chat
        left = max(1, chat.sampling.max_tokens - self.pieces)
        return continued(replace(chat, sampling=replace(chat.sampling, max_tokens=left)), self.written)

    def usage(self, usage: Usage) -> Usage:
        """What the whole answer used: the prompt once, and the tokens of every turn.

        The server counted the text of earlier turns to the prompt, so their tokens move from there. It is an estimate,
        for the turns that ended with their gateway left no count.
        """
        if not self.written:
            return usage
        prompt_tokens = max(0, usage.prompt_tokens - self.pieces)
        return Usage(prompt_tokens, usage.completion_tokens + self.pieces, estimated=True)

    async def confirm(self) -> None:
        """Return if this is still the turn that counts: called before an answer is billed.

        A turn that another gateway has taken over ends here, by cancellation.
        """


Source = Callable[[Turn], AsyncGenerator[ModelEvent, None]]
"""Asks for an answer, or for the rest of it. Called once for each turn, in the run's own task."""
