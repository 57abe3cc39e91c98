"""Thousands of streams open at once in one gateway process, each with a chunk a second."""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Final

from benchmarks.gateway.programs import MODEL, Program
from orchestrator.client import AsyncGateway
from orchestrator.errors import CloudUnavailable, EdgewiseError
from orchestrator.types import Completed, TextDelta

_CHANNELS: Final = 20
_OPENED_PER_S: Final = 100
_PATIENCE_S: Final = 60
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Crowd:
    """What `streams` open streams took."""

    open: int
    """That had brought text and had not ended, when memory was read."""
    failed: int
    refused: int
    """Times that a stream was refused at its beginning and told when to come again; it did, and counts as open."""
    kb_each: float
    """Resident memory of the gateway, more than before, for each open stream; kB."""
    chunks_per_s: float
    """That arrived at the readers while all were open."""
    cpu_share: float
    """Of one core, that the gateway used meanwhile."""


def allow_many_files() -> None:
    """Raise this process's limit of open files, and so its children's, to what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def crowd(gateway: Program, *, streams: int, watch_s: float = 5.0) -> Crowd:
    """Open `streams` streams, watch them for `watch_s` seconds, and hang up."""
    before_mb = gateway.resident_mb
    readers = [_Reader() for _ in range(streams)]
    async with AsyncExitStack() as opened:
        channels = [
            await opened.enter_async_context(AsyncGateway(gateway.address, model=MODEL, timeout_ms=600_000))
            for _ in range(_CHANNELS)
        ]
        tasks = []
        begin = time.perf_counter()
        for number, reader in enumerate(readers):
            await asyncio.sleep(max(0.0, begin + number / _OPENED_PER_S - time.perf_counter()))
            tasks.append(asyncio.create_task(reader.read(channels[number % _CHANNELS])))
        await asyncio.wait([asyncio.create_task(reader.flowing.wait()) for reader in readers], timeout=_PATIENCE_S)
        chunks, cpu_s, since = sum(reader.chunks for reader in readers), gateway.cpu_s, time.perf_counter()
        await asyncio.sleep(watch_s)
        took_s = time.perf_counter() - since
        chunks, cpu_s = sum(reader.chunks for reader in readers) - chunks, gateway.cpu_s - cpu_s
        now_open = sum(reader.open for reader in readers)
        kb = (gateway.resident_mb - before_mb) * 1000
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failed, refused = sum(reader.failed for reader in readers), sum(reader.refused for reader in readers)
    return Crowd(now_open, failed, refused, kb / max(1, now_open), chunks / took_s, cpu_s / took_s)


class _Reader:
    """Reads one stream and counts."""

    __slots__ = ("chunks", "ended", "failed", "flowing", "refused")

    def __init__(self) -> None:
        self.chunks = 0
        self.ended = self.failed = False
        self.refused = 0
        self.flowing = asyncio.Event()
        """It brought text, or failed."""

    @property
    def open(self) -> bool:
        return bool(self.chunks) and not self.ended and not self.failed

    async def read(self, gateway: AsyncGateway) -> None:
        while not self.ended and not self.failed:
            try:
                await self._follow(gateway)
            except CloudUnavailable as error:
                self.failed = bool(self.chunks) or error.retry_after_s is None or self.refused == _TRIES
                self.refused += 1
                await asyncio.sleep(error.retry_after_s or 0)
            except EdgewiseError:
                self.failed = True
        self.flowing.set()

    async def _follow(self, gateway: AsyncGateway) -> None:
        async with aclosing(gateway.stream("What do bees make?")) as events:
            async for event in events:
                self.chunks += isinstance(event, TextDelta)
                self.flowing.set()
                self.ended = isinstance(event, Completed)
