"""What a thread makes, read as an asynchronous stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """The last thing in a queue, with what went wrong."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


class Feed(Generic[T]):
    """Hands items from any thread to one reader on the loop that made it. The thread does not wait for the reader."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue()

    def put(self, item: T) -> None:
        """From any thread: the next item."""
        self._send(item)

    def end(self, error: Exception | None = None) -> None:
        """From any thread: nothing more comes. The reader gets `error` behind the items."""
        self._send(_End(error))

    async def items(self) -> AsyncIterator[T]:
        """What was put, as it comes, until the end."""
        while not isinstance(item := await self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _send(self, item: T | _End) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody left to read
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
