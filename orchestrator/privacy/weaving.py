"""A text with stand-ins woven in, read back to see that each is taken for what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.privacy.forms import Forms, Match


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text, in code points, and what is written in its place."""

    start: int
    end: int
    form: str


class Woven:
    """A text in which pieces are replaced."""

    def __init__(self, text: str, pieces: Sequence[Piece]) -> None:
        """Weave.

        Args:
            text: the original.
            pieces: in order, without overlap.
        """
        self._written: list[tuple[int, int, Piece]] = []
        parts: list[str] = []
        at = length = 0
        for piece in pieces:
            parts += (text[at : piece.start], piece.form)
            start = length + piece.start - at
            length = start + len(piece.form)
            self._written.append((start, length, piece))
            at = piece.end
        self.text = "".join((*parts, text[at:]))

    def misread(self, forms: Forms) -> list[tuple[int, int]]:
        """Stretches of the original, from and up to, whose stand-ins would be read with what stands next to them."""
        written = {(start, end) for start, end, _ in self._written}
        read: set[tuple[int, int]] = set()
        at = 0
        while (at := forms.start(self.text, at)) < len(self.text):
            match = forms.match(self.text, at, final=True)
            if isinstance(match, Match):
                read.add((at, match.end))
                at = match.end
            else:
                at += 1
        lost = [(start - 1, end + 1) for start, end in written - read]
        stretches = sorted([*lost, *(read - written)])
        return [(max(self._origin(start, first=True), 0), self._origin(end, first=False)) for start, end in stretches]

    def _origin(self, position: int, *, first: bool) -> int:
        """A place of the original; inside of a piece its edge."""
        moved = 0
        for start, end, piece in self._written:
            if position <= start:
                break
            if position < end:
                return piece.start if first else piece.end
            moved = piece.end - end
        return position + moved
