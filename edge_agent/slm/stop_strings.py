"""Where an answer must end: stop strings, found however the text was cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence


class StopScanner:
    """Lets text through up to the stop string that is completed first.

    What could still become a stop string is held back, so no part of one is ever shown. What comes out does not depend
    on how the text was cut: of several stop strings, the one whose last character comes first ends the text, and of
    those that end together, the longest.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self._longest_prefix = max((len(stop) for stop in stops), default=1) - 1
        self.stopped = False

    def push(self, text: str) -> str:
        """What of the text so far is safe to show and was not shown yet. Nothing after `stopped`."""
        if self.stopped:
            return ""
        text = self._held + text
        found = min(((at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0), default=None)
        if found:
            self.stopped, self._held = True, ""
            return text[: found[1]]
        safe = len(text) - self._undecided(text)
        self._held = text[safe:]
        return text[:safe]

    def flush(self) -> str:
        """What was held back and turned out to be no stop string, when nothing more comes."""
        held, self._held = self._held, ""
        return held

    def _undecided(self, text: str) -> int:
        """How many last characters may be the beginning of a stop string."""
        for length in range(min(self._longest_prefix, len(text)), 0, -1):
            tail = text[-length:]
            if any(stop.startswith(tail) for stop in self._stops):
                return length
        return 0
