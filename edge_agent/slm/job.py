"""Work in a thread of its own, read as an asynchronous stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """The last thing in a queue, with what ended the work."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Job(Generic[T]):
    """Runs through an iterator in an executor's thread; `items` hands on what it yields, and its exception.

    The thread does not wait for the reader. One job is read once, on the loop that made it.
    """

    def __init__(self, executor: Executor, work: Iterator[T]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue()
        self._future = executor.submit(self._run, work)

    def withdraw(self, *instead: T) -> bool:
        """Take the job back if it has not begun; its reader then gets `instead`."""
        if not self._future.cancel():
            return False
        for item in instead:
            self._queue.put_nowait(item)
        self._queue.put_nowait(_End())
        return True

    async def items(self) -> AsyncIterator[T]:
        """What the work yields, as it comes."""
        while not isinstance(item := await self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    async def ended(self) -> None:
        """Wait until the thread has let go of the work."""
        if not self._future.cancelled():
            await asyncio.wait([asyncio.wrap_future(self._future)])

    def _run(self, work: Iterator[T]) -> None:
        end = _End()
        try:
            for item in work:
                self._send(item)
        except BaseException as error:
            end = _End(error)
        self._send(end)

    def _send(self, item: T | _End) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
