"""Two are asked, one is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from cloud_gateway.upstreams.hedge import hedged
from orchestrator.errors import CloudInternal, CloudUnavailable
from orchestrator.types import ModelEvent, Started, TextDelta

pytestmark = pytest.mark.anyio
SOON_S, NEVER_S = 0.0, 3600.0


class Source:
    """An answer that waits to be told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = asyncio.Event()
        self.told = asyncio.Event()
        self.error: Exception | None = None
        self.closed = False

    async def events(self) -> AsyncGenerator[ModelEvent, None]:
        try:
            self.asked.set()
            yield Started("m")
            await self.told.wait()
            if self.error is not None:
                raise self.error
            yield TextDelta(self.name)
            yield TextDelta("!")
        finally:
            self.closed = True


async def heard(first: Source, after_s: float, second: Source | None) -> str:
    events = hedged(first.events(), after_s, lambda: None if second is None else second.events())
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


async def test_one_that_is_quick_is_alone() -> None:
    first, second = Source("first"), Source("second")
    first.told.set()
    assert await heard(first, NEVER_S, second) == "first!"
    assert not second.asked.is_set()


@pytest.mark.parametrize("winner", [0, 1])
async def test_whoever_shows_text_first_is_heard_and_the_other_closed(winner: int) -> None:
    sources = Source("first"), Source("second")
    answer = asyncio.create_task(heard(sources[0], SOON_S, sources[1]))
    await sources[1].asked.wait()
    sources[winner].told.set()
    assert await answer == sources[winner].name + "!"
    assert all(source.closed for source in sources)


async def test_one_that_fails_leaves_it_to_the_other() -> None:
    first, second = Source("first"), Source("second")
    answer = asyncio.create_task(heard(first, SOON_S, second))
    await second.asked.wait()
    first.error = CloudUnavailable("gone")
    first.told.set()
    await asyncio.sleep(0)
    second.told.set()
    assert await answer == "second!"


async def test_where_both_fail_an_error_is_told() -> None:
    first, second = Source("first"), Source("second")
    first.error, second.error = CloudUnavailable("gone"), CloudInternal("broken")
    answer = asyncio.create_task(heard(first, SOON_S, second))
    await second.asked.wait()
    first.told.set()
    second.told.set()
    with pytest.raises((CloudUnavailable, CloudInternal)):
        await answer


async def test_where_there_is_no_other_one_waits() -> None:
    first = Source("first")
    answer = asyncio.create_task(heard(first, SOON_S, None))
    await first.asked.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    first.told.set()
    assert await answer == "first!"


async def test_who_leaves_closes_both() -> None:
    first, second = Source("first"), Source("second")
    answer = asyncio.create_task(heard(first, SOON_S, second))
    await second.asked.wait()
    answer.cancel()
    await asyncio.wait([answer])
    assert first.closed
    assert second.closed
