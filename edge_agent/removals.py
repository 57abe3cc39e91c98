"""Records are removed or made more private, here or elsewhere: what the model keeps of their prompts goes, too."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from edge_agent.background import Background
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import StoreError
from orchestrator.ports import Clock
from orchestrator.types import Recollection, Sensitivity

_LOOK_S: Final = 60.0
"""How often to look where nothing is asked."""

_log = logging.getLogger(__name__)


class RemovalWatch(Background):
    """A context store that looks, before each recall and once a minute while its block runs, for withdrawn records.

    A record is withdrawn when it is removed, and when its label is raised, by whichever process. A prompt that held one
    is then used no more: what the model read of it is dropped when the answers that are being written have ended.
    """

    def __init__(self, store: SqliteContextStore, drop: Callable[[], None], clock: Clock) -> None:
        """Args:
        store: whose records.
        drop: begins to drop what was made of earlier prompts; any thread calls it.
        clock: tells the minute.
        """
        self._store = store
        self._drop = drop
        self._clock = clock
        self._seen = store.withdrawals()
        self._lock = threading.Lock()

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        """What the store recalls; see `SqliteContextStore.recall`."""
        self.look()
        return self._store.recall(question, limit=limit, now=now, conversation=conversation)

    def sensitivities(self, ids: Sequence[int]) -> Mapping[int, Sensitivity]:
        """The labels of records as they are now; see `Labelling.of`."""
        return self._store.labels.of(ids)

    def look(self) -> None:
        """Drop what was read, if records were withdrawn since the last look.

        Raises:
            StoreError: the store cannot be read.
        """
        count = self._store.withdrawals()
        with self._lock:
            changed, self._seen = count != self._seen, count
        if changed:
            self._drop()

    async def _work(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                await asyncio.to_thread(self.look)
            except StoreError as error:  # locked, or its disk is away: not for ever
                _log.warning("looking for withdrawn records waits: %s", error.message)
