"""The door: which calls may come in at all. Refusing costs one look at a few counters."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

from cloud_gateway.admission.lag import Lag
from cloud_gateway.sections.admission import AdmissionSection
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock

_RETRY_S: Final = 1.0
"""The shortest wait that is advised; the longest is twice that."""
_STEPS: Final = 32
"""So many different waits are advised, so that a status which was made once can be sent again."""
_LINE_S: Final = 1.0
"""At most one line of the log in so many seconds."""
_ELSEWHERE: Final = "ask another gateway, or this one again when it said"
_log = logging.getLogger(__name__)


class Gate:
    """Counts the calls that are open, and closes when there are too many of them or the gateway stops."""

    def __init__(self, section: AdmissionSection, lag: Lag, clock: Clock, random: Random) -> None:
        self._section = section
        self._clock = clock
        self._random = random
        self._lag = lag
        self._calls: Counter[str] = Counter()
        self._open = 0
        self._bytes = 0
        self._bounds: set[asyncio.Timeout] = set()
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self.parting: CloudUnavailable | None = None
        """What is told to those whom `end` cuts off: their own deadline had not come."""
        self.shed: Counter[str] = Counter()
        """How many calls were refused, by why."""
        self._unsaid = 0
        self._said_s = -math.inf

    @property
    def calls(self) -> int:
        """Open at present."""
        return self._open

    @property
    def request_bytes(self) -> int:
        """Of the open calls' messages."""
        return self._bytes

    def configure(self, section: AdmissionSection) -> None:
        """Take other bounds over, for calls to come."""
        self._section = section
        self._lag.target_ms = section.lag_ms

    def close(self) -> None:
        """Refuse every new call."""
        self._closed = True

    async def empty(self) -> None:
        """Wait until no call is open."""
        await self._empty.wait()

    def end(self) -> None:
        """Let the time of every open call be over now."""
        self.parting = self._refused("cut_off", "the gateway stopped in the middle of the answer")
        now = asyncio.get_running_loop().time()
        for bound in self._bounds:
            if not bound.expired():
                bound.reschedule(now)

    @property
    def sheds(self) -> bool:
        """Whether calls are refused whatever their requests are: then these need not even be read."""
        return self._closed or self._lag.standing or self._open >= self._section.calls

    def refusal(self, payer: str, request_bytes: int) -> CloudUnavailable | None:
        """Why a call may not come in now, with the seconds after which it may; None where it may."""
        if self._closed:
            return self._refused("stopping", "the gateway is stopping")
        if self._open >= self._section.calls:
            return self._refused("calls", "the gateway has too many calls open")
        if self._bytes + request_bytes > self._section.request_bytes:
            return self._refused("bytes", "the gateway holds too many bytes of requests")
        # Every tenant with calls open has an equal share: who asks little is not shed for who floods.
        mine = self._calls[payer]
        if self._lag.standing and mine and mine * len(self._calls) >= self._open:
            return self._refused("lag", "the gateway's processor is overloaded")
        return None

    @contextmanager
    def passing(self, payer: str, request_bytes: int, bound: asyncio.Timeout) -> Iterator[None]:
        """One call, open until the end of the block; `bound` is what limits its time."""
        self._calls[payer] += 1
        self._open += 1
        self._bytes += request_bytes
        self._bounds.add(bound)
        self._empty.clear()
        try:
            yield
        finally:
            self._bounds.discard(bound)
            self._bytes -= request_bytes
            self._open -= 1
            self._calls[payer] -= 1
            if not self._calls[payer]:
                del self._calls[payer]
            if not self._open:
                self._empty.set()

    def _refused(self, reason: str, words: str) -> CloudUnavailable:
        self.shed[reason] += 1
        self._unsaid += 1
        now_s = self._clock.monotonic()
        if now_s - self._said_s >= _LINE_S:
            _log.warning("shed", extra={"fields": {"calls": self._unsaid, "reason": reason}})
            self._said_s, self._unsaid = now_s, 0
        wait_s = _RETRY_S * (1 + self._random.randrange(_STEPS) / _STEPS)  # so that not all come back at once
        return CloudUnavailable(words, remedy=_ELSEWHERE, retry_after_s=wait_s, resumable=True)
