"""The end of an answer at a stop string, whatever the upstream made of it."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Reads an answer as it streams, and ends it before the first stop string.

    Upstreams look for most stops themselves. They miss those that their format cannot carry, and those that begin in
    the part of the answer that another model wrote.
    """

    def __init__(self, stops: Sequence[str], prefix: str = "") -> None:
        """Look for `stops` behind `prefix`, which was shown already."""
        self.hit = False
        self._stops = stops
        self._reach = max(map(len, stops), default=1) - 1
        self._shown = self._end(prefix)
        """The end of what was shown, as far back as a stop can begin."""
        self._held = ""
        """What may be the beginning of a stop."""

    def push(self, text: str) -> str:
        """More of the answer; what of it may be shown now. Nothing, once a stop was hit."""
        if self.hit:
            return ""
        window = self._shown + self._held + text
        known = len(self._shown)
        found = [(window.find(stop, max(0, known - len(stop) + 1)), len(stop)) for stop in self._stops]
        # The one that ends first wins, as where every letter comes alone.
        ends = [(at + size, at) for at, size in found if at >= 0]
        self.hit = bool(ends)
        until = max(known, min(ends)[1] if ends else len(window) - self._begun(window))
        self._held = "" if self.hit else window[until:]
        self._shown = self._end(window[:until])
        return window[known:until]

    def flush(self) -> str:
        """What was held back when the answer ended."""
        held, self._held = self._held, ""
        return held

    def _end(self, text: str) -> str:
        return text[-self._reach :] if self._reach else ""

    def _begun(self, window: str) -> int:
        """How many characters at the end may be the beginning of a stop."""
        for size in range(min(self._reach, len(window)), 0, -1):
            end = window[-size:]
            if any(stop.startswith(end) for stop in self._stops):
                return size
        return 0
