"""What a request can cost at most."""

from __future__ import annotations

from typing import Final

from cloud_gateway.accounts.windows import Amounts
from orchestrator.chat import Chat, ServedModel
from orchestrator.types import Usage

_TOKENS_A_MESSAGE: Final = 16
"""What a chat template puts around a message, generously."""
_TOKENS_A_CHAT: Final = 64
"""And around a conversation: some begin with a system message of their own."""


def worst_case(chat: Chat, model: ServedModel) -> Amounts:
    """What `chat` can use of `model` at most.

    No tokenizer that works on bytes makes more tokens than the text has bytes. Prose has about four bytes a token, so
    more is held than will be used; but only for as long as the answer takes, and no window is ever exceeded because a
    text was in an unusual script.
    """
    prompt = _TOKENS_A_CHAT + _bytes(chat.prefix)
    for message in chat.messages:
        prompt += _TOKENS_A_MESSAGE + _bytes(message.text)
    prompt = min(prompt, model.context_tokens)
    completion = min(chat.sampling.max_tokens, model.context_tokens)
    cost = model.price.cost_nano_usd(Usage(prompt, completion))
    return Amounts(1, min(prompt + completion, model.context_tokens), cost)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
