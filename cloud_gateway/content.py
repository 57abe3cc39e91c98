"""What was asked and answered, in the log: only where `log.content` says so."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cloud_gateway.call import Caller
from orchestrator.chat import Chat
from orchestrator.types import ModelEvent, TextDelta

_log = logging.getLogger(__name__)


def warn() -> None:
    """Say that from now on the log holds what people say."""
    _log.warning("content_is_logged", extra={"fields": {"remedy": "set log.content to false"}})


async def noted(
    caller: Caller, request_id: str, chat: Chat, answer: AsyncGenerator[ModelEvent, None]
) -> AsyncGenerator[ModelEvent, None]:
    """The events of `answer`; at its end the log has them, and what was asked."""
    pieces: list[str] = []
    try:
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    pieces.append(event.text)
                yield event
    finally:
        fields = {
            "caller": caller.name,
            "request_id": request_id,
            "model": chat.model,
            "asked": [{"role": turn.role, "text": turn.text} for turn in chat.messages],
            "prefix": chat.prefix,
            "answered": "".join(pieces),
        }
        _log.info("content", extra={"fields": fields})
