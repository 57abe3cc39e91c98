"""The slow tail cut off: two are asked, and whoever shows something first is heard.

Dean and Barroso, "The Tail at Scale" (2013): asking a second server once the first has taken longer than 95 % do costs
a twentieth more requests at most, and takes most of the tail away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from orchestrator.types import Completed, ModelEvent, TextDelta

Events = AsyncGenerator[ModelEvent, None]
_Opening = asyncio.Task[list[ModelEvent]]


async def hedged(
    first: Events, after_s: float, second: Callable[[], Events | None], won: Callable[[], None] = lambda: None
) -> Events:
    """The events of `first`, or of `second` where that shows text sooner; the other one is closed.

    Args:
        first: an answer that nobody has read yet.
        after_s: how long it may show nothing, before `second` is asked for another.
        second: another answer, or None where there is none to be had.
        won: called where it is heard in place of the first.

    Raises:
        CloudError: what the last of them failed with.
    """
    openings: dict[_Opening, Events] = {asyncio.create_task(_opening(first)): first}
    try:
        await asyncio.wait(openings, timeout=after_s)
        if not any(opening.done() for opening in openings) and (other := second()) is not None:
            openings[asyncio.create_task(_opening(other))] = other
        events, shown = await _winner(openings)
        if events is not first:
            won()
        await _close(openings, but=events)
        for event in shown:
            yield event
        async for event in events:
            yield event
    finally:
        await _close(openings)


async def _winner(openings: dict[_Opening, Events]) -> tuple[Events, list[ModelEvent]]:
    """The first answer that shows something, with what it showed."""
    waiting = set(openings)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for opening in sorted(done, key=lambda one: one.exception() is not None):
            if opening.exception() is None or not waiting:
                return openings[opening], opening.result()  # which raises, where all have failed


async def _opening(events: Events) -> list[ModelEvent]:
    """Everything up to the first text."""
    shown: list[ModelEvent] = []
    async for event in events:
        shown.append(event)
        if isinstance(event, TextDelta | Completed):
            break
    return shown


async def _close(openings: dict[_Opening, Events], *, but: Events | None = None) -> None:
    """End all, but for one of them."""
    for opening, events in list(openings.items()):
        if events is not but:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await events.aclose()
            del openings[opening]
