"""The text of an answer while it grows, read from any place."""

from __future__ import annotations

import sys
from bisect import bisect_right
from typing import Final

_PIECES: Final = 32
"""How far a reader may fall behind and still get the text in the pieces that it came in."""
_BLOCK: Final = 4096
"""Code points at which a block is full. Who fell behind gets no larger piece than this, or one that came so."""


class Text:
    """Grows at its end. Places in it, which callers know as cursors, are counted in Unicode code points.

    It is kept once, whoever reads it: the latest pieces as they came, what lies before them folded into blocks. So a
    reader who keeps up sees every piece, one who fell behind gets what waits as one, and nothing waits in a queue.
    """

    __slots__ = ("_blocks", "_recent", "_recent_from", "_starts", "length")

    def __init__(self) -> None:
        self.length = 0
        self._blocks: list[str] = []
        self._starts: list[int] = []
        self._recent: list[str] = []
        self._recent_from = 0

    def __str__(self) -> str:
        return "".join(self._blocks) + "".join(self._recent)

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return sum(map(sys.getsizeof, self._blocks)) + sum(map(sys.getsizeof, self._recent))

    def append(self, piece: str) -> None:
        """Add to its end."""
        self._recent.append(piece)
        self.length += len(piece)
        if len(self._recent) == _PIECES:
            self.fold()

    def behind(self, cursor: int) -> str:
        """The next piece behind a place; empty at the end."""
        if cursor >= self.length:
            return ""
        if cursor < self._recent_from:
            number = bisect_right(self._starts, cursor) - 1
            return self._blocks[number][cursor - self._starts[number] :]
        end = self.length
        for piece in reversed(self._recent):
            end -= len(piece)
            if end <= cursor:
                return piece[cursor - end :]
        raise AssertionError("the latest pieces reach back to where the blocks end")

    def fold(self) -> None:
        """Keep the latest pieces as one: less memory, and readers see no difference but larger pieces."""
        folded = "".join(self._recent)
        if self._blocks and len(self._blocks[-1]) < _BLOCK:
            self._blocks[-1] += folded
        elif folded:
            self._blocks.append(folded)
            self._starts.append(self._recent_from)
        self._recent.clear()
        self._recent_from = self.length
