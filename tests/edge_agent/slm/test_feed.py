"""Items from a thread, read on the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edge_agent.slm.feed import Feed

pytestmark = pytest.mark.anyio


async def test_items_come_in_order_from_another_thread() -> None:
    feed: Feed[int] = Feed()

    def work() -> None:
        for number in range(100):
            feed.put(number)
        feed.end()

    thread = threading.Thread(target=work)
    thread.start()
    assert [item async for item in feed.items()] == list(range(100))
    thread.join()


async def test_an_error_comes_behind_what_was_put() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    feed.end(LookupError("broken"))
    items = feed.items()
    assert await anext(items) == 1
    with pytest.raises(LookupError, match="broken"):
        await anext(items)


def test_a_reader_whose_loop_is_gone_is_no_error() -> None:
    async def make() -> Feed[int]:
        return Feed()

    feed = asyncio.run(make())
    feed.put(1)
    feed.end()
