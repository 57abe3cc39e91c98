"""The beginning of a prompt that comes before anything personal: all that may be written to disk of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.slm.beginning import common
from orchestrator.errors import InvalidRequest
from orchestrator.types import Message, Sensitivity

_DOOR: Final = object()


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """Token ids that every conversation with one public system message begins with.

    Only `system_prompt` makes one, so that nothing else of a prompt can be saved by mistake; a test looks for others.
    """

    tokens: tuple[int, ...]
    _door: object

    def __post_init__(self) -> None:
        if self._door is not _DOOR:
            raise TypeError("a SystemPrompt is made by edge_agent.slm.system_prompt.system_prompt, nowhere else")

    def begins(self, tokens: Sequence[int]) -> bool:
        """Whether `tokens` are these, and perhaps more."""
        return tuple(tokens[: len(self.tokens)]) == self.tokens


def system_prompt(
    messages: Sequence[Message], tokens: Sequence[int], encode: Callable[[Sequence[Message]], list[int]]
) -> SystemPrompt | None:
    """What the prompt of `messages` has in common with that of any other conversation under its system message.

    It is a part of a prompt in which no turn but the system's says anything, so no turn can leak into it. A system
    message with recalled records in it carries their label, and has none; nor has one that tells of earlier turns,
    which is of its moment.

    Args:
        messages: a conversation. Without a system message, what the chat template puts in its place counts.
        tokens: its prompt.
        encode: renders a conversation with the model's chat template and tokenises it.

    Returns:
        None where the system message is not public, or of a moment, or the template takes no empty conversation.
    """
    system = list(messages[:1]) if messages and messages[0].role == "system" else []
    if any(message.sensitivity is not Sensitivity.PUBLIC or message.at is not None for message in system):
        return None
    try:
        empty = encode([*system, Message("user", "")])
    except InvalidRequest:
        return None
    length = common(empty, tokens)
    return SystemPrompt(tuple(empty[:length]), _DOOR) if length else None
