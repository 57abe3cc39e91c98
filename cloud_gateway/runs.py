"""Answers under way and answers finished, so that a repeated request id is answered again and billed once.

Whoever asks with the id of a run follows that run from its beginning. A run ends early when nobody follows it any
more. Finished runs are kept for a bounded time and in a bounded number; failed ones are not kept, so that a caller may
try again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from orchestrator.chat import Chat
from orchestrator.errors import Cancelled, CloudInternal, EdgewiseError, InvalidRequest
from orchestrator.ports import Clock
from orchestrator.types import Completed, ModelEvent, Started, TextDelta

Source = Callable[[], AsyncGenerator[ModelEvent, None]]
Id = tuple[str, str]
"""Caller and request id: no caller can meet another's answers."""


class Runs:
    """All runs of a gateway process."""

    def __init__(self, clock: Clock, *, keep_s: float, keep_answers: int) -> None:
        """Keep finished runs for `keep_s` seconds, and at most `keep_answers` of them."""
        self._clock = clock
        self._keep_s = keep_s
        self._keep_answers = keep_answers
        self._running: dict[Id, _Run] = {}
        self._finished: dict[Id, _Finished] = {}  # in the order of their finishing
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self, key: Id, chat: Chat, source: Source) -> AsyncGenerator[ModelEvent, None]:
        """The events of the run with this id, from its beginning; `source` is only called where there is none yet.

        Raises:
            InvalidRequest: the id belongs to another chat.
            EdgewiseError: what the run failed with.
        """
        fingerprint = hashlib.sha256(repr(chat).encode()).digest()
        self._forget_old()
        known = self._running.get(key) or self._finished.get(key)
        if known is not None and known.fingerprint != fingerprint:
            raise InvalidRequest(
                f"the request id {key[1]} was used for another chat", remedy="give each question an id of its own"
            )
        if isinstance(known, _Finished):
            for event in known.events:
                yield event
            return
        run = known or self._start(key, fingerprint, source)
        run.followers += 1
        try:
            async with aclosing(run.read()) as events:
                async for event in events:
                    yield event
        finally:
            run.followers -= 1
            if run.followers == 0 and self._running.get(key) is run:
                # At once, and not when the task has noticed: whoever repeats the id now must not join what is ending.
                del self._running[key]
                run.task.cancel()

    def cancel(self, key: Id) -> None:
        """End the run with this id, if there is one under way: nobody wants it any more."""
        run = self._running.pop(key, None)
        if run is not None:
            run.task.cancel()

    async def aclose(self) -> None:
        """Cancel what still runs, and wait until it has closed its connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, key: Id, fingerprint: bytes, source: Source) -> _Run:
        run = self._running[key] = _Run(fingerprint)
        run.task = asyncio.create_task(self._drive(key, run, source))
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)
        return run

    async def _drive(self, key: Id, run: _Run, source: Source) -> None:
        """Run to the end, apart from every follower."""
        error: Exception = Cancelled("the gateway is stopping")
        try:
            async with aclosing(source()) as events:
                async for event in events:
                    run.add(event)
            self._keep(key, run)
            run.end(None)
            return
        except EdgewiseError as fault:
            error = fault
        except Exception as fault:
            error = CloudInternal("the gateway failed")
            error.__cause__ = fault
        finally:
            if self._running.get(key) is run:
                del self._running[key]
            run.end(error)

    def _keep(self, key: Id, run: _Run) -> None:
        self._finished[key] = _Finished(run.fingerprint, run.compact(), self._clock.monotonic() + self._keep_s)
        while len(self._finished) > self._keep_answers:
            del self._finished[next(iter(self._finished))]

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        while self._finished and self._finished[key := next(iter(self._finished))].until_s <= now:
            del self._finished[key]


@dataclass(frozen=True, slots=True)
class _Finished:
    fingerprint: bytes
    events: tuple[ModelEvent, ...]
    until_s: float


@dataclass(slots=True, eq=False)
class _Run:
    """One answer under way. It remembers its events, so that whoever joins late misses nothing."""

    fingerprint: bytes
    followers: int = 0
    task: asyncio.Task[None] = field(init=False)
    _events: list[ModelEvent] = field(default_factory=list)
    _ended: bool = False
    _error: Exception | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: ModelEvent) -> None:
        """Tell every follower."""
        self._events.append(event)
        self._wake()

    def end(self, error: Exception | None) -> None:
        """Tell every follower that this was all. Only the first call counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    async def read(self) -> AsyncGenerator[ModelEvent, None]:
        """Every event, those of the past at once."""
        place = 0
        while True:
            while place < len(self._events):
                yield self._events[place]
                place += 1
            if self._ended:
                break
            await self._news.wait()
        if self._error is not None:
            raise self._error

    def compact(self) -> tuple[ModelEvent, ...]:
        """The same answer in at most three events."""
        text = "".join(event.text for event in self._events if isinstance(event, TextDelta))
        ends = [event for event in self._events if isinstance(event, Started | Completed)]
        return (*ends[:1], TextDelta(text), *ends[1:])

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
