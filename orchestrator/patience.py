"""How long the cloud is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import cast

from orchestrator.errors import CloudTimeout
from orchestrator.types import ModelEvent, TextDelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a cloud stream before the device takes over, in seconds."""

    first_token_s: float = 10.0
    between_tokens_s: float = 5.0


async def patiently(
    events: AsyncIterator[ModelEvent], first_token_s: float, patience: Patience
) -> AsyncGenerator[ModelEvent, None]:
    """Pass events on, and give up on a stream that stalls. The time that the reader takes does not count.

    Raises:
        CloudTimeout: no text within `first_token_s`, or none after it for `patience.between_tokens_s`.
    """
    loop = asyncio.get_running_loop()
    wait_s, until_s = first_token_s, loop.time() + first_token_s  # infinity is a wait without end
    flowing = False
    while True:
        try:
            async with asyncio.timeout_at(until_s):
                event = await anext(events, None)
        except TimeoutError:
            raise CloudTimeout(f"the cloud sent nothing for {wait_s:.1f} s") from None
        if event is None:
            return
        yield event
        flowing = flowing or (isinstance(event, TextDelta) and bool(event.text))
        if flowing:
            wait_s, until_s = patience.between_tokens_s, loop.time() + patience.between_tokens_s


def closable(events: AsyncIterator[ModelEvent]) -> AsyncGenerator[ModelEvent, None]:
    """Model streams are generators: closing one stops its work."""
    return cast(AsyncGenerator[ModelEvent, None], events)
