"""Token counts of messages, remembered: earlier turns are counted again for every question behind them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from orchestrator.types import Message

CountTokens = Callable[[Sequence[Message]], int]
"""Tokens of a prompt with these messages."""

_MOST: Final = 4096


class TokenCounts:
    """Counts as another does, and remembers by hash: no text of a conversation is held here."""

    def __init__(self, count: CountTokens) -> None:
        self._count = count
        self._known: OrderedDict[int, int] = OrderedDict()

    def __call__(self, messages: Sequence[Message]) -> int:
        """Tokens of a prompt with these messages.

        Raises:
            InvalidRequest: the chat template refuses the conversation.
        """
        key = hash(tuple((message.role, message.text, message.tools, message.calls) for message in messages))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._count(messages)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known
