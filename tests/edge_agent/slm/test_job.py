"""Work in a thread, read on the loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_agent.slm.job import Job

pytestmark = pytest.mark.anyio


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


async def test_items_come_in_order_from_another_thread(executor: ThreadPoolExecutor) -> None:
    threads = set()

    def work() -> Iterator[int]:
        for number in range(100):
            threads.add(threading.get_ident())
            yield number

    job = Job(executor, work())
    assert [item async for item in job.items()] == list(range(100))
    assert threading.get_ident() not in threads
    await job.ended()


async def test_an_exception_comes_after_what_was_made(executor: ThreadPoolExecutor) -> None:
    def work() -> Iterator[int]:
        yield 1
        raise LookupError("broken")

    items = Job(executor, work()).items()
    assert await anext(items) == 1
    with pytest.raises(LookupError, match="broken"):
        await anext(items)


async def test_only_what_has_not_begun_can_be_withdrawn(executor: ThreadPoolExecutor) -> None:
    gate = threading.Event()

    def busy() -> Iterator[str]:
        gate.wait(60)
        yield "done"

    running, waiting = Job(executor, busy()), Job(executor, busy())
    assert waiting.withdraw("instead")
    assert [item async for item in waiting.items()] == ["instead"]
    await waiting.ended()
    gate.set()
    assert [item async for item in running.items()] == ["done"]
    assert not running.withdraw("instead")
    await running.ended()
