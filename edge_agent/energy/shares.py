"""Counters of the whole process or machine, shared out among the spans that are open at the same time.

CPU time and package energy cannot be told apart by question: every thread of the runtime works for all of them. So each
stretch of time between two readings is split evenly among the spans that were open in it. The parts add up to the
whole: no joule is counted twice, and none is lost while a span is open. What was split is known only roughly, so it is
reported apart and becomes uncertainty.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

Counts = tuple[float, ...]
"""One number for each counter, in the order in which they are read."""


@dataclass(frozen=True, slots=True)
class Part:
    """What fell to one span."""

    counts: Counts
    contested: Counts
    """The part of `counts` from stretches that other spans shared."""


class SharedCounters:
    """Rising counters and the spans open on them. Safe to use from any thread."""

    def __init__(self, read: Callable[[], Counts]) -> None:
        """`read` returns what the counters show now; each may only rise."""
        self._read = read
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[Share] = weakref.WeakSet()  # a span that is forgotten takes no share either
        self._shown: Counts = ()
        self._each: Counts = ()
        self._each_contested: Counts = ()

    def open(self) -> Share:
        """Begin a share."""
        with self._lock:
            self._advance()
            share = Share(self, self._each, self._each_contested)
            self._open.add(share)
            return share

    def _part(self, share: Share, *, close: bool) -> Part:
        with self._lock:
            self._advance()
            if close:
                self._open.discard(share)
            return Part(_minus(self._each, share.each), _minus(self._each_contested, share.each_contested))

    def _advance(self) -> None:
        """Give each open share its part of what the counters have risen since the last time."""
        shown = self._read()
        risen = _minus(shown, self._shown) if self._shown else tuple(0.0 for _ in shown)
        self._shown = shown
        n_open = len(self._open)
        part = tuple(max(0.0, value) / n_open if n_open else 0.0 for value in risen)
        self._each = _plus(self._each, part) if self._each else part
        contested = part if n_open > 1 else tuple(0.0 for _ in part)
        self._each_contested = _plus(self._each_contested, contested) if self._each_contested else contested


class Share:
    """One span's part of shared counters, from its opening on."""

    def __init__(self, counters: SharedCounters, each: Counts, each_contested: Counts) -> None:
        self.each = each
        """What a share that was always open would have had when this one began."""
        self.each_contested = each_contested
        self._counters = counters
        self._final: Part | None = None

    def read(self) -> Part:
        """The part so far."""
        return self._final or self._counters._part(self, close=False)

    def stop(self) -> Part:
        """The part in the end; from now on others share what comes. A second call gives the same."""
        if self._final is None:
            self._final = self._counters._part(self, close=True)
        return self._final


def _minus(left: Counts, right: Counts) -> Counts:
    return tuple(a - b for a, b in zip(left, right, strict=True))


def _plus(left: Counts, right: Counts) -> Counts:
    return tuple(a + b for a, b in zip(left, right, strict=True))
