"""What a client does not even ask of a gateway that refuses most of what it is asked.

A refusal costs the gateway a good part of what an answer costs. So where more than half of the calls of late were
refused, some are refused here, before anything is sent: adaptive throttling (Beyer et al., "Site Reliability
Engineering", 2016, chapter 21, "Client-Side Throttling").
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from orchestrator.ports import Clock

WINDOW_S: Final = 2.0
"""How far back "of late" goes."""
HANDFUL: Final = 5
"""So few calls in a window are none too many: all of them are sent."""
PROBE_S: Final = 1.0
"""One call is sent at least so often, to see whether the storm is over."""
LONGEST_REST_S: Final = 30.0
"""The longest wait that a gateway can ask for."""
_OVERSEND: Final = 2.0
"""K of the book: so many calls are sent for each that is accepted. The surplus finds out when there is room again."""
_BUCKETS: Final = 10
_WIDTH_S: Final = WINDOW_S / _BUCKETS
_SPREAD: Final = 0.25
"""Advice differs by up to this share, so that not all come back at once."""


class Throttle:
    """Of one client towards one gateway. Each step costs a look at the clock and a few additions.

    Calls are counted once it is known what becomes of them, so that answers that take longer than the window are not
    taken for refusals: `requests` are those accepted, refused by the gateway, and refused here. A call is refused here
    with probability max(0, (requests - K * accepts) / (requests + 1)), K = 2.
    """

    __slots__ = ("_accepts", "_clock", "_latest", "_requests", "_rests_until_s", "_rng", "_sent_s", "_sums")

    def __init__(self, clock: Clock, rng: Random) -> None:
        """`rng` decides which calls are refused."""
        self._clock = clock
        self._rng = rng
        self._requests = [0] * _BUCKETS
        self._accepts = [0] * _BUCKETS
        self._sums = [0, 0]
        self._latest = 0
        self._sent_s = -math.inf
        self._rests_until_s = -math.inf

    def refusal_s(self) -> float | None:
        """None where a call may be sent now. Otherwise it is refused, and this is when to come back, in seconds."""
        now_s = self._turned()
        requests, accepts = self._sums
        if requests < HANDFUL or requests <= _OVERSEND * accepts or now_s - self._sent_s >= PROBE_S:
            self._sent_s = now_s
            return None
        rests = not accepts and now_s < self._rests_until_s
        if not rests and self._rng.random() >= (requests - _OVERSEND * accepts) / (requests + 1):
            self._sent_s = now_s
            return None
        self._count(0)
        wait_s = max(PROBE_S, self._rests_until_s - now_s) * (1 + _SPREAD * self._rng.random())
        return round(wait_s, 3)

    def accepted(self) -> None:
        """The gateway took a call on."""
        self._turned()
        self._count(1)

    def refused(self, retry_after_s: float | None) -> None:
        """The gateway took a call not on, because it has too much to do, and said perhaps how long to wait."""
        now_s = self._turned()
        self._count(0)
        if retry_after_s is not None:
            self._rests_until_s = max(self._rests_until_s, now_s + min(retry_after_s, LONGEST_REST_S))

    def _count(self, accepts: int) -> None:
        place = self._latest % _BUCKETS
        self._requests[place] += 1
        self._accepts[place] += accepts
        self._sums[0] += 1
        self._sums[1] += accepts

    def _turned(self) -> float:
        """The time, after what is older than the window was forgotten."""
        now_s = self._clock.monotonic()
        bucket = int(now_s / _WIDTH_S)
        for past in range(max(self._latest + 1, bucket - _BUCKETS + 1), bucket + 1):
            place = past % _BUCKETS
            self._sums[0] -= self._requests[place]
            self._sums[1] -= self._accepts[place]
            self._requests[place] = self._accepts[place] = 0
        self._latest = max(self._latest, bucket)
        return now_s
