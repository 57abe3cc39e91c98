"""Making in the background what is made from records: the times of what repeats, and vectors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from edge_agent.background import Background
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import EdgewiseError
from orchestrator.ports import Clock

_AT_ONCE: Final = 4
"""Records in a batch: about 40 ms, which a question that comes in between may wait for."""
_REST: Final = 3.0
"""For each second of work, so many of rest: a quarter of one core."""
_LOOK_S: Final = 60.0
"""How often to look for what another process has added."""

_log = logging.getLogger(__name__)


class Backfill(Background):
    """Works while its block runs: the newest records first, and slowly, beside whatever the device does."""

    def __init__(self, store: SqliteContextStore, clock: Clock) -> None:
        """Without an embedder in `store`, there are no vectors to make."""
        self._store = store
        self._clock = clock

    async def _work(self) -> None:
        with contextlib.suppress(EdgewiseError):  # or else the first question loads them, and says what is wrong
            await asyncio.to_thread(self._store.load_vectors)
        while True:
            await self._clock.sleep(await self._make_some())

    async def _make_some(self) -> float:
        """Make what a few records lack; how long to rest behind that, in seconds."""
        started = self._clock.monotonic()
        try:
            made = await asyncio.to_thread(self._store.spread_repetitions, self._clock.now(), limit=_AT_ONCE)
            made = made or await asyncio.to_thread(self._store.embed_missing, limit=_AT_ONCE)
        except EdgewiseError as error:  # the store may be locked, or the disk full: not for ever
            _log.warning("embedding waits: %s", error.message)
            return _LOOK_S
        return _REST * (self._clock.monotonic() - started) if made else _LOOK_S
