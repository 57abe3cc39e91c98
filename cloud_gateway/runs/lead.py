"""A gateway's turn at a run that it shares with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cloud_gateway.runs.records import CANCELLED, Claim, Note
from cloud_gateway.runs.run import Run, check_length
from cloud_gateway.runs.turn import Turn
from orchestrator.types import Completed, TextDelta


class Lead(Turn):
    """A piece is shown once it is in the record: whoever has seen it can find it again at any gateway."""

    __slots__ = (
        "_confirming",
        "_length",
        "_mark",
        "_waiting",
        "_written",
        "followed",
        "lost",
        "name",
        "noted",
        "owner",
        "receipt",
        "run",
        "scope",
    )

    def __init__(self, run: Run, name: str, owner: str, claim: Claim, mark: Callable[[Lead], None]) -> None:
        """`mark` says that there is something to be written down."""
        super().__init__(claim.text, claim.pieces)
        self.run = run
        self.name = name
        self.owner = owner
        self.noted = run.text.length
        """Code points that are in the record."""
        self.receipt: Completed | None = None
        """Once the answer is whole, and billed."""
        self.followed = False
        """Whether somebody follows it at another gateway."""
        self.lost = False
        """Whether the run is not ours any more."""
        self.scope = asyncio.timeout(None)
        """Around the writing, which ends where the turn is over."""
        self._mark = mark
        self._waiting: list[str] = []  # pieces that are not shown yet
        self._length = run.text.length  # with those that wait
        self._written = claim.pieces
        self._confirming: asyncio.Future[None] | None = None

    def write(self, piece: str) -> None:
        """Have a piece noted, and then shown.

        Raises:
            CloudInternal: the answer has no end.
        """
        if piece:
            self._length += len(piece)
            check_length(self._length)
            self._written += 1
            self._waiting.append(piece)
            self._mark(self)

    async def confirm(self) -> None:
        """Return once all is noted and the run is still ours; where Redis cannot be reached, return too."""
        if self._confirming is None:
            self._confirming = asyncio.get_running_loop().create_future()
            self._mark(self)
        await self._confirming

    def note(self) -> Note:
        """What is to be written down."""
        text = "".join(self._waiting)
        if self.noted != self.run.text.length:  # Redis was away for a while
            text = (str(self.run.text) + text)[self.noted :]
        model = self.run.model or ""
        return Note(self.name, self.owner, self.noted, text, len(self._waiting), self._written, model)

    def took(self, note: Note, noted: int) -> bool:
        """The record has so much text now, or is not ours any more; whether nothing is left to be written."""
        if not 0 <= noted <= self._length:
            self.lose(cancelled=noted == CANCELLED)
            return True
        self.noted = noted
        if noted == note.cursor + len(note.text):
            self._show(note.waiting)
        if noted < self._length:
            return False
        self._confirmed()
        return True

    def go_on_alone(self) -> None:
        """Redis is away: show what there is."""
        self._show(len(self._waiting))
        self._confirmed()

    def lose(self, *, cancelled: bool = False) -> None:
        """The turn ends: another gateway has taken the run over, or the caller has cancelled it there."""
        self.lost = True
        self.over = not cancelled
        self.scope.reschedule(asyncio.get_running_loop().time())

    def _show(self, pieces: int) -> None:
        shown, self._waiting = self._waiting[:pieces], self._waiting[pieces:]
        for piece in shown:
            self.run.add(TextDelta(piece))

    def _confirmed(self) -> None:
        if self._confirming is not None and not self._confirming.done():
            self._confirming.set_result(None)
