"""Reading a response with patience, at the cost of one timer an answer."""

from __future__ import annotations

import asyncio
import math

import aiohttp


class Reader:
    """Reads a body as it arrives; an upstream that says nothing for too long ends it.

    A timer that is moved at each of a thousand tokens is the dearest part of reading one. This one stands still: when
    it fires it looks whether the wait was long enough, and is set again where it was not. Time that passes between two
    reads is ours and not the upstream's: it does not count.
    """

    __slots__ = ("_content", "_due_s", "_loop", "_timer")

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._due_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._content.at_eof()

    async def read(self, until_s: float) -> bytes:
        """What has arrived, or the next that does; nothing at the end. `until_s` is an instant of the loop's clock.

        Raises:
            TimeoutError: nothing came until then.
            aiohttp.ClientError: the connection broke.
        """
        self._due_s = until_s
        if self._timer is None or self._timer.when() > until_s:
            self._set(until_s)
        try:
            return await self._content.readany()
        finally:
            self._due_s = math.inf

    def close(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, at_s: float) -> None:
        self.close()
        self._timer = self._loop.call_at(at_s, self._fire, at_s)

    def _fire(self, set_for_s: float) -> None:
        self._timer = None
        if self._due_s <= set_for_s:
            self._content.set_exception(TimeoutError())
        elif self._due_s < math.inf:
            self._set(self._due_s)
