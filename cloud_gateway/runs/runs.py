"""All answers of a gateway process: who follows which, and when one ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

from cloud_gateway.runs.fingerprint import fingerprint
from cloud_gateway.runs.kept import Kept
from cloud_gateway.runs.run import Id, Run, no_such_answer, used_for_another
from cloud_gateway.runs.sharing import Sharing
from cloud_gateway.runs.turn import Source, Turn
from cloud_gateway.sections.replay import ReplaySection
from orchestrator.budget.deadline import Deadline
from orchestrator.chat import Chat
from orchestrator.errors import Cancelled, CloudInternal, EdgewiseError
from orchestrator.ports import Clock
from orchestrator.types import ModelEvent


class Runs:
    """All runs of a gateway process.

    A run that nobody follows any more goes on for `linger_s`, but not beyond the last deadline of those who did, and
    then ends. One that finished is kept; one that failed is not, so that a caller may try again.
    """

    def __init__(self, section: ReplaySection, clock: Clock, sharing: Sharing | None = None) -> None:
        """Where the runs are shared with other gateways, `sharing` drives them, and is closed with this."""
        self._linger_s = section.linger_s
        self._clock = clock
        self._sharing = sharing
        self._kept = Kept(section, clock)
        self._running: dict[Id, Run] = {}
        self._tasks: dict[Run, asyncio.Task[None]] = {}
        self._lingering: dict[Run, asyncio.Task[None]] = {}
        self.repeated = 0
        """How many requests had an id that was known here, and followed its run."""
        self.resumed = 0
        """How many took an answer up again behind a cursor."""

    @property
    def running(self) -> int:
        """Runs under way."""
        return len(self._running)

    @property
    def kept(self) -> int:
        """Answers that are finished, and kept."""
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        """Of their memory."""
        return self._kept.size_bytes

    @property
    def taken(self) -> int:
        """Runs that another gateway had begun, and this one went on with."""
        return self._sharing.taken if self._sharing else 0

    def configure(self, section: ReplaySection) -> None:
        """Linger for so long, and keep so many, from now on."""
        self._linger_s = section.linger_s
        self._kept.configure(section)
        if self._sharing:
            self._sharing.configure(section)

    async def follow(
        self, key: Id, chat: Chat, source: Source, resume_from: int = 0, deadline: Deadline | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of the run with this id behind a cursor; `source` is only called where there is none yet.

        Args:
            key: who asks, and the id of the request.
            chat: what is asked.
            source: asks for a new answer.
            resume_from: code points of the answer that have arrived. Zero is the beginning, with `Started`.
            deadline: from when on the answer is of no use to whoever asks.

        Raises:
            InvalidRequest: the id belongs to another chat.
            CloudNotFound: there is no answer to resume, or it is not that long.
            EdgewiseError: what the run failed with.
        """
        run = self._join(key, fingerprint(chat), source, resume_from)
        self.resumed += resume_from > 0
        run.join()
        run.wanted_until_s = max(run.wanted_until_s, math.inf if deadline is None else deadline.at_s)
        self._stay(run)
        try:
            async with aclosing(run.read(resume_from)) as events:
                async for event in events:
                    yield event
        finally:
            run.part()
            if run.followers == 0:
                self._leave(key, run)

    async def cancel(self, key: Id) -> None:
        """End the run with this id, if there is one under way at any gateway: nobody wants it any more.

        Raises:
            CloudUnavailable: it is not here, and the state that the gateways share cannot be reached.
        """
        run = self._running.get(key)
        here = run is not None and not (self._sharing and self._sharing.mirrors(run))
        if run is not None:
            self._end(key, run, Cancelled("the caller cancelled the answer"))
        if self._sharing and not here:
            await self._sharing.cancel(key)

    async def aclose(self) -> None:
        """Cancel what still runs, and wait until it has closed its connections."""
        tasks = [*self._tasks.values(), *self._lingering.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in self._running.values():  # what had not begun yet
            run.end(Cancelled("the gateway is stopping"))
        if self._sharing:
            await self._sharing.aclose()

    def _join(self, key: Id, fingerprint: bytes, source: Source, resume_from: int) -> Run:
        known = self._running.get(key) or self._kept.get(key)
        if known is None:
            if resume_from > 0 and self._sharing is None:
                raise no_such_answer()
            return self._start(key, fingerprint, source, resume_from)
        if known.fingerprint != fingerprint:
            raise used_for_another(key)
        self.repeated += 1
        return known

    def _start(self, key: Id, fingerprint: bytes, source: Source, cursor: int) -> Run:
        run = self._running[key] = Run(fingerprint, loaded=self._sharing is None)
        self._tasks[run] = task = asyncio.create_task(self._drive(key, run, source, cursor))
        task.add_done_callback(lambda _: self._tasks.pop(run, None))
        return run

    async def _drive(self, key: Id, run: Run, source: Source, cursor: int) -> None:
        """Run to the end, apart from every follower."""
        error: Exception = Cancelled("the gateway is stopping")
        try:
            if self._sharing is not None:
                await self._sharing.drive(key, run, source, cursor)
            else:
                async with aclosing(source(Turn())) as events:
                    async for event in events:
                        run.add(event)
                        if run.is_ahead:
                            await run.room()
            self._kept.put(key, run)
            run.end(None)
        except EdgewiseError as fault:
            error = fault
        except Exception as fault:
            error = CloudInternal("the gateway failed")
            error.__cause__ = fault
        finally:
            if self._running.get(key) is run:
                del self._running[key]
            run.end(error)

    def _leave(self, key: Id, run: Run) -> None:
        """Nobody follows any more: the run goes on for a while, for whoever lost their connection."""
        if self._running.get(key) is not run:
            run.text.fold()
        elif self._linger_s == 0 or (self._sharing and self._sharing.mirrors(run)):
            self._end(key, run, Cancelled("nobody followed the answer any more"))
        else:
            self._lingering[run] = asyncio.create_task(self._linger(key, run))

    async def _linger(self, key: Id, run: Run) -> None:
        # Behind their deadline they would neither take it up again nor want to be billed for it.
        wanted_s = max(0.0, run.wanted_until_s - self._clock.monotonic())
        await self._clock.sleep(min(self._linger_s, wanted_s))
        while self._sharing and self._sharing.followed_elsewhere(run):
            await self._clock.sleep(self._linger_s)
        del self._lingering[run]
        if self._running.get(key) is run:
            self._end(key, run, Cancelled("nobody followed the answer any more"))

    def _stay(self, run: Run) -> None:
        """Somebody follows again."""
        if lingering := self._lingering.pop(run, None):
            lingering.cancel()

    def _end(self, key: Id, run: Run, error: Cancelled) -> None:
        # At once, and not when the task has noticed: whoever repeats the id now must not join what is ending.
        del self._running[key]
        self._stay(run)
        run.end(error)
        self._tasks[run].cancel()
