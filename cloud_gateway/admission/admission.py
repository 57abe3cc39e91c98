"""A bounded number of answers at once. What comes above that waits in a bounded queue, or is refused at once.

A request is refused as soon as it is known that it would not be answered in time: when what is served before it, and
the answer itself, are expected to take longer than its deadline allows. It is told when to come back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Hashable
from random import Random
from types import TracebackType
from typing import Final, Self

from cloud_gateway.admission.pace import Mean, Pace
from cloud_gateway.admission.queue import FairQueue
from cloud_gateway.sections.admission import AdmissionSection
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock
from orchestrator.types import Usage

WRITTEN_TOKEN: Final = 2.0
"""What a written token costs a server, in prompt tokens: the weights of Sheng et al. (2024)."""
_SOONEST_S: Final = 0.1
"""The shortest wait that is advised."""
_SPREAD: Final = 0.25
"""Advice differs by up to this share, so that not all come back at once."""
_DEVIATIONS: Final = 3.0
"""So many mean deviations are kept free before a deadline."""
_REMEDY: Final = "wait as long as it says, ask another gateway, or allow more time"


class Admission:
    """All slots of a gateway process. One for its whole life: what it has measured outlives a new configuration."""

    def __init__(self, section: AdmissionSection, clock: Clock, random: Random) -> None:
        self._section = section
        self._clock = clock
        self._random = random
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._running = 0
        self._held_s = Mean()
        self._wrong_s = Mean()
        self._paces: defaultdict[Hashable, _Measured] = defaultdict(_Measured)
        self._closed = False
        self.refused: Counter[str] = Counter()
        """How many requests got no slot, by why."""

    @property
    def running(self) -> int:
        """Answers that have a slot."""
        return self._running

    @property
    def waiting(self) -> int:
        """Answers that wait for one."""
        return len(self._queue)

    @property
    def limit(self) -> int:
        """How many may have one at once."""
        return self._section.runs

    @property
    def queue_limit(self) -> int:
        """How many may wait."""
        return self._section.queue

    def configure(self, section: AdmissionSection) -> None:
        """Take other bounds over. Who runs or waits already stays."""
        self._section = section
        self._dispatch()

    def close(self) -> None:
        """Refuse everybody who waits, and everybody who comes. Who runs is left alone."""
        self._closed = True
        while self._queue:
            self._queue.pop().refuse(self._leaving())

    async def enter(
        self, payer: str, model: Hashable, *, prompt_tokens: int, max_tokens: int, deadline: Deadline
    ) -> Slot:
        """A slot, at once or after waiting for one. It is a context manager, which gives the slot back.

        Args:
            payer: whose turn it is is decided between these.
            model: what answers of a kind share their pace: the model's name, and whether it streams.
            prompt_tokens: of the request, roughly.
            max_tokens: of the answer, at most.
            deadline: by when the whole answer must be there.

        Raises:
            CloudUnavailable: it could not be answered in time, too many wait already, or the gateway is stopping; with
                the seconds after which asking again makes sense.
        """
        if self._closed:
            raise self._leaving()
        pace = self._paces[model]
        expected = pace.tokens(max_tokens)
        slot = Slot(self, payer, pace, charged=prompt_tokens + WRITTEN_TOKEN * expected)
        seconds, remaining_s = pace.seconds(max_tokens), deadline.remaining_s - self._margin_s
        if self._running < self._section.runs and not self._queue:
            if seconds > remaining_s and pace.running:  # one is always let through: else nothing would be learned
                raise self._late(seconds - remaining_s)
            self._queue.charge(payer, slot.charged)
            slot.foretold_s = seconds
            self._begin(slot)
            return slot
        wait_s = self._wait_s(payer)
        slot.foretold_s = wait_s + seconds
        if wait_s + seconds > remaining_s:
            raise self._late(wait_s + seconds - remaining_s)
        if wait_s > self._section.wait_s or not self._room(payer, slot.charged):
            raise self._full(wait_s)
        await self._wait(_Waiter(slot, seconds, deadline), min(self._section.wait_s, remaining_s - seconds))
        return slot

    async def _wait(self, waiter: _Waiter, longest_s: float) -> None:
        slot = waiter.slot
        self._queue.push(slot.payer, waiter, tokens=slot.charged, seconds=waiter.seconds)
        try:
            async with asyncio.timeout(longest_s):
                await waiter.turn
        except BaseException as error:
            if not self._queue.remove(slot.payer, waiter) and waiter.has_slot:
                self._leave(slot)  # its turn came in the same moment
            if isinstance(error, TimeoutError):
                raise self._late(self._wait_s(slot.payer)) from None
            raise

    @property
    def _margin_s(self) -> float:
        """How far forecasts go wrong, amply: as retransmission timers do with mean deviations (Jacobson, 1988)."""
        return _DEVIATIONS * self._wrong_s.value

    def _wait_s(self, payer: str) -> float:
        """When a new request would begin: slots come free one after the other, evenly spread."""
        return (self._queue.ahead_s(payer) + self._held_s.value) / self._section.runs

    def _room(self, payer: str, tokens: float) -> bool:
        """Whether there is a place in the queue: where it is full, whoever fills it most gives one of theirs up."""
        if len(self._queue) < self._section.queue:
            return True
        if not self._queue:
            return False
        greediest = self._queue.longest()
        if self._queue.waiting_tokens(payer) + tokens >= self._queue.waiting_tokens(greediest):
            return False
        self._queue.drop_last(greediest).refuse(self._full(self._wait_s(greediest)))
        return True

    def _begin(self, slot: Slot) -> None:
        self._running += 1
        slot.pace.running += 1
        slot.begun_s = self._clock.monotonic()

    def _leave(self, slot: Slot) -> None:
        self._running -= 1
        slot.pace.running -= 1
        self._held_s.add(self._clock.monotonic() - slot.begun_s)
        self._dispatch()

    def _dispatch(self) -> None:
        """Give free slots to those whose turn it is. Who could not be answered in time any more only takes one away."""
        while self._queue and self._running < self._section.runs:
            waiter = self._queue.pop()
            late_s = waiter.seconds - waiter.deadline.remaining_s
            if late_s > 0 and waiter.slot.pace.running:
                self._queue.correct(waiter.slot.payer, -waiter.slot.charged)
                waiter.refuse(self._late(late_s))
            elif not waiter.turn.done():
                self._begin(waiter.slot)
                waiter.turn.set_result(None)

    def _late(self, seconds: float) -> CloudUnavailable:
        return self._refusal("late", "the gateway is too busy to answer by the deadline", seconds)

    def _full(self, seconds: float) -> CloudUnavailable:
        return self._refusal("full", "too many requests wait for the gateway already", seconds)

    def _leaving(self) -> CloudUnavailable:
        return self._refusal("stopping", "the gateway is stopping", 0.0)

    def _refusal(self, reason: str, words: str, seconds: float) -> CloudUnavailable:
        self.refused[reason] += 1
        wait_s = max(_SOONEST_S, seconds) * (1 + _SPREAD * self._random.random())
        return CloudUnavailable(words, remedy=_REMEDY, retry_after_s=round(wait_s, 3), resumable=True)


class Slot:
    """The right to ask a model for one answer."""

    __slots__ = ("_admission", "_entered_s", "begun_s", "charged", "first_s", "foretold_s", "pace", "payer", "total_s")

    def __init__(self, admission: Admission, payer: str, pace: _Measured, *, charged: float) -> None:
        self._admission = admission
        self.first_s = 0.0
        """From having the slot to the first token, where there is one."""
        self.total_s = 0.0
        """From having the slot to the end of the answer."""
        self._entered_s = admission._clock.monotonic()
        self.foretold_s = 0.0
        """From entering to the end of the answer."""
        self.payer = payer
        self.pace = pace
        self.charged = charged
        """Tokens that count for fairness, as long as the true number is not known."""
        self.begun_s = 0.0

    @property
    def waited_s(self) -> float:
        """From asking for the slot to having it."""
        return self.begun_s - self._entered_s

    def first(self) -> None:
        """The first token is there. A whole answer has none: its time is counted to its tokens alone."""
        self.first_s = self._admission._clock.monotonic() - self.begun_s

    def finish(self, usage: Usage) -> None:
        """The answer is complete."""
        self.total_s = total_s = self._admission._clock.monotonic() - self.begun_s
        if self.pace.known:
            self._admission._wrong_s.add(abs(self._admission._clock.monotonic() - self._entered_s - self.foretold_s))
        self.pace.add(first_s=self.first_s, total_s=total_s, tokens=usage.completion_tokens)
        actual = usage.prompt_tokens + WRITTEN_TOKEN * usage.completion_tokens
        self._admission._queue.correct(self.payer, actual - self.charged)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission._leave(self)


class _Measured(Pace):
    """The pace of a model, and how many of its answers are on their way to be measured."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0


class _Waiter:
    """One who waits."""

    __slots__ = ("deadline", "seconds", "slot", "turn")

    def __init__(self, slot: Slot, seconds: float, deadline: Deadline) -> None:
        self.slot = slot
        self.seconds = seconds
        self.deadline = deadline
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def has_slot(self) -> bool:
        """Whether its turn came, though it may not know yet."""
        return self.turn.done() and not self.turn.cancelled() and self.turn.exception() is None

    def refuse(self, error: CloudUnavailable) -> None:
        """Send it away."""
        if not self.turn.done():
            self.turn.set_exception(error)
