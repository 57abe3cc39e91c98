"""Bills that could not be written because the books were away, until they can."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from cloud_gateway.accounts.books import Bill, Books
from cloud_gateway.accounts.windows import Amounts
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock

_MOST: Final = 100_000
_AGAIN_S: Final = 1.0
_log = logging.getLogger(__name__)


class Unsettled:
    """A queue of bills, emptied as soon as the books are back. Settling is idempotent, so trying again is safe."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self._waiting: deque[tuple[Bill, Amounts]] = deque()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, bill: Bill, actual: Amounts) -> None:
        """Write it later. Of more than 100,000 the oldest goes to the log."""
        if len(self._waiting) >= _MOST:
            _give_up(*self._waiting.popleft())
        self._waiting.append((bill, actual))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_trying())

    async def aclose(self) -> None:
        """Try once more; what is left goes to the log, so that it can be billed by hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._empty()
        while self._waiting:
            _give_up(*self._waiting.popleft())

    async def _keep_trying(self) -> None:
        while self._waiting:
            await self._clock.sleep(_AGAIN_S)
            await self._empty()

    async def _empty(self) -> None:
        while self._waiting:
            bill, actual = self._waiting[0]
            try:
                await self._books.settle(bill, actual)
            except CloudUnavailable:
                return
            if self._waiting and self._waiting[0][0] is bill:
                self._waiting.popleft()


def _give_up(bill: Bill, actual: Amounts) -> None:
    _log.error("unsettled", extra={"fields": {"bill": bill.id, "payer": bill.payer, **actual._asdict()}})
