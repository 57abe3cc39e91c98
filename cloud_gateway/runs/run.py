"""One answer, and those who read it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Final

from cloud_gateway.runs.text import Text
from orchestrator.errors import CloudInternal, CloudNotFound, InvalidRequest
from orchestrator.types import Completed, ModelEvent, Started, TextDelta

Id = tuple[str, str]
"""Caller and request id: no caller can meet another's answers."""

_LONGEST: Final = 4 * 2**20
"""Code points of one answer. No model writes as much: it bounds what a server gone mad can fill."""


_AHEAD: Final = 64 * 1024
"""Code points that an answer may be ahead of its quickest reader before the model server has to wait."""


class Run:
    """An answer, from its first event to its last.

    Readers have only a place in its text, so a slow one costs nothing beside a quick one. Where all are slow, the
    writer waits for the quickest of them (`room`), and so does the model server.
    """

    __slots__ = (
        "_read",
        "_readers",
        "_room",
        "ended",
        "error",
        "fingerprint",
        "followers",
        "loaded",
        "model",
        "receipt",
        "text",
        "wanted_until_s",
    )

    def __init__(self, fingerprint: bytes, *, loaded: bool = True) -> None:
        """`fingerprint` is that of the chat: another chat under the same id is a mistake."""
        self.fingerprint = fingerprint
        self.loaded = loaded
        """Whether what was written of it elsewhere is here."""
        self.followers = 0
        self.wanted_until_s = -math.inf
        """The latest deadline of those who follow it or did, on the clock of the runs."""
        self.model: str | None = None
        """Who writes; None until the prompt has been accepted."""
        self.text = Text()
        self.receipt: Completed | None = None
        self.error: Exception | None = None
        self.ended = False
        self._readers: list[asyncio.Future[None]] = []  # that wait
        self._read = 0
        """Where the quickest reader is."""
        self._room: asyncio.Future[None] | None = None

    def join(self) -> None:
        """Somebody follows."""
        self.followers += 1

    def part(self) -> None:
        """Somebody follows no more."""
        self.followers -= 1
        self._make_room()

    @property
    def is_ahead(self) -> bool:
        """Whether more has been written than those who follow can take."""
        return self.text.length - self._read > _AHEAD and self.followers > 0

    async def room(self) -> None:
        """Return when more may be written: somebody has read on, or nobody follows, and it is written for later."""
        while self.is_ahead and not self.ended:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def add(self, event: ModelEvent) -> None:
        """What the model did next.

        Raises:
            CloudInternal: the answer has no end.
        """
        match event:
            case TextDelta(text=piece):
                if not piece:
                    return
                check_length(self.text.length + len(piece))
                self.text.append(piece)
            case Started(model=model):
                self.model = model
            case Completed():
                self.receipt = event
                return  # told by `end`
        self._wake()

    def load(self, text: str) -> None:
        """What was written of it elsewhere, behind what is here already."""
        self.loaded = True
        if text:
            self.text.append(text)
        self._wake()

    def end(self, error: Exception | None) -> None:
        """Tell every reader that this was all. Only the first call counts."""
        if not self.ended:
            self.ended, self.error = True, error
            self._wake()

    async def read(self, cursor: int = 0) -> AsyncGenerator[ModelEvent, None]:
        """What lies behind a place, and then what comes. `Started` lies before the first character.

        Raises:
            CloudNotFound: the text is not that long.
            Exception: what the run failed with.
        """
        await self._begun(cursor)
        if cursor == 0 and self.model is not None:
            yield Started(self.model)
        while True:
            while piece := self.text.behind(cursor):
                cursor += len(piece)
                yield TextDelta(piece)
                self._read_to(cursor)
            if self.ended:
                break
            await self._news()
        if self.error is not None:
            raise self.error
        if self.receipt is not None:
            yield self.receipt

    async def _begun(self, cursor: int) -> None:
        """Wait until the run is where a reader can begin."""
        while not self.ended and (not self.loaded or (cursor == 0 and self.model is None)):
            await self._news()
        if cursor > self.text.length and self.error is None:
            raise no_such_answer()
        self._read_to(cursor)

    def _read_to(self, cursor: int) -> None:
        if cursor > self._read:
            self._read = cursor
            self._make_room()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done() and not self.is_ahead:
            self._room.set_result(None)

    async def _news(self) -> None:
        """Wait until something has happened. One future, and no more: thousands of readers wait."""
        news = asyncio.get_running_loop().create_future()
        self._readers.append(news)
        await news

    def _wake(self) -> None:
        if self._readers:
            readers, self._readers = self._readers, []
            for news in readers:
                if not news.done():
                    news.set_result(None)


def check_length(length: int) -> None:
    """Pass an answer of so many code points.

    Raises:
        CloudInternal: it has no end.
    """
    if length > _LONGEST:
        raise CloudInternal(f"the upstream's answer is longer than {_LONGEST} characters")


def no_such_answer() -> CloudNotFound:
    """What whoever resumes an answer gets that is not there: nothing is asked anew, for that would be billed again."""
    return CloudNotFound(
        "there is no such answer any more, or it is not as long as the cursor says",
        remedy="ask anew: with a new id, and with what has arrived as the prefix",
    )


def used_for_another(key: Id) -> InvalidRequest:
    """What whoever repeats an id with another chat gets."""
    return InvalidRequest(
        f"the request id {key[1]} was used for another chat", remedy="give each question an id of its own"
    )
