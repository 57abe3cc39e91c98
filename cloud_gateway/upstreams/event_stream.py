"""Server-sent events out of bytes, as they arrive. No network."""

from __future__ import annotations

from typing import Final

from orchestrator.errors import CloudInternal

LARGEST_EVENT: Final = 2**20
"""Bytes of one event. Whoever sends more would fill the memory."""
_BOM: Final = b"\xef\xbb\xbf"
_CR: Final = 0x0D


class EventStream:
    """The `data` of each event of one stream, cut out of pieces that may end anywhere.

    Lines and fields as the HTML standard interprets them (WHATWG, 9.2.6): a line ends with CR, LF or both; a blank one
    sends the event; comments and other fields say nothing; an event without its blank line was never sent. The names
    of events are not read: every format here repeats them in its data. Whoever decodes the data sees whether it is
    UTF-8.
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_held", "_started")

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        """A line whose end has not come."""
        self._data: list[bytes] = []
        """Lines of an event whose end has not come."""
        self._held = 0
        """Bytes of both."""
        self._after_cr = False
        self._started = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes. Takes time in proportion to `piece`, whatever came before.

        Raises:
            CloudInternal: an event is larger than `LARGEST_EVENT`.
        """
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if not piece:
            return []
        events = self._events(self._lines(piece))
        if self._held > LARGEST_EVENT:
            raise CloudInternal(
                "the upstream sent an event that is too large", remedy="the operator: is its base_url right?"
            )
        return events

    def _lines(self, piece: bytes) -> list[bytes]:
        """The lines that `piece` completes; what it begins is kept."""
        lines = piece.splitlines()  # of bytes: at CR, LF and both, and nowhere else
        last = piece[-1]
        self._after_cr = last == _CR
        rest = b"" if last in b"\r\n" else lines.pop()
        if lines and self._begun:
            lines[0] = b"".join((*self._begun, lines[0]))
            self._held -= sum(map(len, self._begun))
            self._begun = []
        if lines and not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BOM)
        if rest:
            self._begun.append(rest)
            self._held += len(rest)
        return lines

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                value = line[6:] if line.startswith(b"data: ") else line[5:]
                self._data.append(value)
                self._held += len(value) + 1
            elif not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._held -= sum(map(len, self._data)) + len(self._data)
                    self._data = []
            elif line == b"data":
                self._data.append(b"")
                self._held += 1
        return events
