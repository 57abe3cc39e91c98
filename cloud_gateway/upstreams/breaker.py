"""A circuit breaker: an upstream that fails is left in peace, and asked again with care."""

from __future__ import annotations

from typing import Final

from cloud_gateway.upstreams.sliding_sum import SlidingSum
from orchestrator.ports import Clock

WINDOW_S: Final = 10.0
FEWEST_CALLS: Final = 5
"""Below this many within the window, a share of failures means little."""
WORST_SHARE: Final = 0.5
REST_S: Final = 5.0
"""From the opening to the probe."""


class Breaker:
    """Closed, open or half open.

    Closed, it counts. When half of the calls of the last ten seconds have failed, and they were five at least, it
    opens: nobody is let through. After a rest it is half open: one call is let through, and its end closes or opens it.
    The pattern is Nygard's (*Release It!*, 2007); a rate over a window rather than failures in a row, so that an
    upstream which fails every second call is seen too.
    """

    __slots__ = ("_calls", "_clock", "_failures", "_opened_s", "_probing")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls = SlidingSum(clock, WINDOW_S)
        self._failures = SlidingSum(clock, WINDOW_S)
        self._opened_s: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether all is well."""
        return self._opened_s is None

    @property
    def admits(self) -> bool:
        """Whether a call may begin now."""
        return self._opened_s is None or (not self._probing and self.rests_s == 0.0)

    @property
    def rests_s(self) -> float:
        """Seconds until a call may be tried again; 0 where it may."""
        if self._opened_s is None:
            return 0.0
        return max(0.0, self._opened_s + REST_S - self._clock.monotonic())

    def begin(self) -> bool:
        """A call begins, which `admits` has allowed. Whether it is the probe: it is told how the call ended."""
        if self._opened_s is None:
            return False
        self._probing = True
        return True

    def succeed(self, *, probe: bool) -> None:
        """The upstream did what it should."""
        if probe:
            self._opened_s, self._probing = None, False
            self._calls.clear()
            self._failures.clear()
        elif self._opened_s is None:
            self._calls.add(1)

    def fail(self, *, probe: bool) -> None:
        """It did not. A call from before the opening counts no more."""
        if probe:
            self._opened_s, self._probing = self._clock.monotonic(), False
        elif self._opened_s is None:
            self._calls.add(1)
            self._failures.add(1)
            calls = self._calls.total
            if calls >= FEWEST_CALLS and self._failures.total >= WORST_SHARE * calls:
                self._opened_s = self._clock.monotonic()

    def forget(self, *, probe: bool) -> None:
        """The call ended without telling anything: its caller went away, or the upstream was merely busy."""
        if probe:
            self._probing = False
