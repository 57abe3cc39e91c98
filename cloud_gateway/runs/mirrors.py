"""News of runs that another gateway writes."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from cloud_gateway.runs.records import News, Records
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock

_LOOK_S: Final = 0.05
"""How often the records are looked at: all of them at once, so that thousands cost little more than one."""
_BATCH: Final = 256
"""Runs in one script, so that Redis is never held for long."""

_Found = asyncio.Future[News | Literal[False]]


class Mirrors:
    """Looks for news of all runs that are followed here and written elsewhere."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._waiting: dict[_Found, tuple[str, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def news(self, name: str, known_bytes: int) -> News | Literal[False]:
        """Wait for what is new in a record of whose text so much is known; False where there is no record.

        Raises:
            CloudUnavailable: Redis cannot be reached.
        """
        found: _Found = asyncio.get_running_loop().create_future()
        self._waiting[found] = (name, known_bytes)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            return await found
        finally:
            del self._waiting[found]

    async def aclose(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        """As long as anybody waits."""
        while self._waiting:
            waiting = [found for found in self._waiting if not found.done()]
            for at in range(0, len(waiting), _BATCH):
                await self._read(waiting[at : at + _BATCH])
            await self._clock.sleep(_LOOK_S)

    async def _read(self, waiting: list[_Found]) -> None:
        waiting = [found for found in waiting if found in self._waiting]
        if not waiting:
            return
        try:
            seen = await self._records.read([self._waiting[found] for found in waiting])
        except CloudUnavailable as error:
            for found in waiting:
                if not found.done():
                    found.set_exception(error)
            return
        for found, news in zip(waiting, seen, strict=True):
            if news is not None and not found.done():
                found.set_result(news)
