"""How a question may be asked, and how its answer comes: piece by piece, on an event loop or without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypedDict

from orchestrator.blocking import BlockingStream
from orchestrator.format import Format
from orchestrator.types import Answer, Budget, Effort, Message, Piece, RoutePreference, Sampling

Question = str | Sequence[Message]
"""A question, or a conversation that ends in one."""


class Wishes(TypedDict, total=False):
    """How a question may be asked. What is left out comes from the configuration."""

    budget: Budget | None
    """Replaces the configured one as a whole."""
    sampling: Sampling | None
    route: RoutePreference | str | None
    effort: Effort | str | None
    """The strategy to answer with: `none`, `best`, `vote`, `rebase`, `verify` or `consult`."""
    local_only: bool
    """Open no socket at all. The configuration's lock holds in any case."""
    format: Format | None
    """The form that the answer is held to. It is then made on the device."""
    request_id: str | None
    """Idempotency key; a fresh one by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncReply(Answer):
    """An answer that its agent may be told about, on an event loop."""

    tell: Callable[[str, bool], Coroutine[Any, Any, None]] = field(repr=False, compare=False)
    """Takes the decision's id, and whether the answer was good."""

    @classmethod
    def of(cls, answer: Answer, tell: Callable[[str, bool], Coroutine[Any, Any, None]]) -> Self:
        """`answer`, about which `tell` tells."""
        return cls(**_plain(answer), tell=tell)

    async def feedback(self, *, good: bool) -> None:
        """Say whether the answer was good; what is said later replaces it. Routes learn from it: docs/learning.md.

        Raises:
            StoreError: it could not be kept.
        """
        await self.tell(self.decision_id, good)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Answer):
    """An answer that its agent may be told about, for code without an event loop."""

    tell: Callable[[str, bool], None] = field(repr=False, compare=False)
    """Takes the decision's id, and whether the answer was good."""

    @classmethod
    def of(cls, answer: Answer, tell: Callable[[str, bool], None]) -> Self:
        """`answer`, about which `tell` tells."""
        return cls(**_plain(answer), tell=tell)

    def feedback(self, *, good: bool) -> None:
        """Say whether the answer was good; see `AsyncReply.feedback`."""
        self.tell(self.decision_id, good)


def _plain(answer: Answer) -> dict[str, Any]:
    return {part.name: getattr(answer, part.name) for part in fields(Answer)}


class AnswerStream:
    """Pieces of an answer as they come; `answer` holds the receipt once the last one has come.

    Close it, or leave its `async with`, to stop early: what was used by then is settled.
    """

    def __init__(self, events: AsyncGenerator[Piece | AsyncReply, None]) -> None:
        self._events = events
        self.answer: AsyncReply | None = None

    async def __aiter__(self) -> AsyncIterator[Piece]:
        async for event in self._events:
            if isinstance(event, AsyncReply):
                self.answer = event
            else:
                yield event

    async def whole(self) -> AsyncReply:
        """The answer, when all of it has come.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        async with self:
            async for _ in self:
                pass
        assert self.answer is not None, "a stream that ends without an error has an answer"
        return self.answer

    async def aclose(self) -> None:
        """Stop the work."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class BlockingAnswer(Iterator[Piece]):
    """Pieces of an answer as they come, for code without an event loop; `answer` holds the receipt at the end."""

    def __init__(self, events: BlockingStream[Piece | AsyncReply], tell: Callable[[str, bool], None]) -> None:
        self._events = events
        self._tell = tell
        self.answer: Reply | None = None

    def __next__(self) -> Piece:
        event = next(self._events)
        if isinstance(event, AsyncReply):
            self.answer = Reply.of(event, self._tell)
            event = next(self._events)
        assert isinstance(event, Piece), "an answer comes last"
        return event

    def close(self) -> None:
        """Stop the work; what was used by then is settled."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
