"""How late the process is: the delay between the moment when something should run, and when it does.

One task ticks. While every tick of an interval comes later than the target the process has a standing queue, and not
just a burst to digest: the rule of CoDel (Nichols and Jacobson, "Controlling Queue Delay", 2012), which says with one
number of milliseconds whether a queue is bad, whatever the machine is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orchestrator.ports import Clock

TICK_S: Final = 0.02
_INTERVAL_S: Final = 0.1


class Lag:
    """Watches the event loop that it runs on."""

    def __init__(self, clock: Clock, target_ms: float, told: Callable[[float], None] = lambda late_s: None) -> None:
        """`told` hears of every tick how many seconds late it came."""
        self.target_ms = target_ms
        self.standing = False
        """Whether the process has been too late for a whole interval, and still is."""
        self._clock = clock
        self._told = told
        self._late_since_s: float | None = None

    async def watch(self) -> None:
        """Tick for ever."""
        while True:
            begun_s = self._clock.monotonic()
            await self._clock.sleep(TICK_S)
            self.ticked(self._clock.monotonic() - begun_s - TICK_S)

    def ticked(self, late_s: float) -> None:
        """Take one tick in, that came `late_s` seconds after its time."""
        self._told(late_s)
        now_s = self._clock.monotonic()
        if late_s * 1000 <= self.target_ms:
            self._late_since_s, self.standing = None, False
        elif self._late_since_s is None:
            self._late_since_s = now_s
        elif now_s - self._late_since_s >= _INTERVAL_S:
            self.standing = True
