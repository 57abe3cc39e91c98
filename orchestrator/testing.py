"""Public fakes for tests and rehearsals: a clock moved by hand, scripted models, a meter told what to say.

They keep the contracts of `orchestrator.ports`, so that what passes with them fails only for reasons of the real parts.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from orchestrator.budget.deadline import Deadline
from orchestrator.errors import CloudError, CloudTimeout, ContextWindowExceeded
from orchestrator.ports import Clock
from orchestrator.privacy.egress import Outbound, OutboundMessage
from orchestrator.privacy.finding import Finding
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import (
    Completed,
    FinishReason,
    Message,
    ModelEvent,
    Recollection,
    Sampling,
    Sensitivity,
    Started,
    Terms,
    TextDelta,
    TokenScore,
    Usage,
)
from orchestrator.units import NO_ENERGY, Energy, EnergySource

_TURNS_TO_SETTLE: Final = 25
"""Loop turns that a sleeper leaves to the other tasks before time moves: more than any chain of awakenings needs."""

CONFIDENT: Final = TokenScore(logprob=-0.05, entropy=0.2)
UNSURE: Final = TokenScore(logprob=-2.5, entropy=3.0)
FREE: Final = Terms(context_tokens=4096)


class ManualClock:
    """Time that moves only when told, or when everyone sleeps.

    `sleep` returns at once in real time: when the other tasks have come to rest, the earliest sleeper moves the clock
    to its own instant. Everything that a test waits for must therefore wait on this clock; work in a thread or on a
    socket looks like rest.
    """

    def __init__(self, wall: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._elapsed_s = 0.0
        self._wall = wall
        self._sleepers: list[tuple[float, int]] = []
        self._next_sleeper = 0

    def monotonic(self) -> float:
        """Seconds moved since the clock was made."""
        return self._elapsed_s

    def now(self) -> datetime:
        """The wall clock, which `set_wall` can make jump."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += seconds
        self._wall += timedelta(seconds=seconds)

    def set_wall(self, wall: datetime) -> None:
        """Set the wall clock, also backwards. Monotonic time does not notice."""
        self._wall = wall

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved by `seconds`; the earliest of several sleepers wakes first."""
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()
        me = (self._elapsed_s + max(0.0, seconds), self._next_sleeper)
        self._next_sleeper += 1
        heapq.heappush(self._sleepers, me)
        try:
            while True:
                await self._settle()
                if me[0] <= self._elapsed_s:
                    return
                if self._sleepers[0] == me:
                    self.advance(me[0] - self._elapsed_s)
                    self._elapsed_s = max(self._elapsed_s, me[0])
        finally:
            self._sleepers.remove(me)
            heapq.heapify(self._sleepers)

    @staticmethod
    async def _settle() -> None:
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a scripted model does with one question. Each piece counts as one token."""

    pieces: Sequence[str]
    scores: Sequence[TokenScore] = ()
    """One for each piece; where they run out, `CONFIDENT`."""
    first_token_ms: float = 0.0
    token_ms: float = 0.0
    """Between two pieces."""
    fault: Exception | None = None
    """Raised instead of the piece after the first `fault_after`; at the end of the pieces, instead of `Completed`."""
    fault_after: int = 0
    bytes_per_token: int = 0
    usd: float = 0.0
    cloud_energy: Energy = NO_ENERGY


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a scripted model was asked."""

    messages: tuple[Message, ...] | tuple[OutboundMessage, ...]
    sampling: Sampling
    deadline: Deadline
    prefix: str
    request_id: str = ""
    """Of a cloud model only."""


class _Scripted:
    """What both scripted models share: the scripts, and how one is played."""

    def __init__(self, clock: Clock, scripts: tuple[Script, ...], name: str) -> None:
        if not scripts:
            raise ValueError("a scripted model needs a script")
        self._clock = clock
        self._scripts = scripts
        self._name = name
        self.asked: list[Asked] = []
        """Every question, in order."""
        self.abandoned = 0
        """How many answers the caller closed or cancelled before their end."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    def _next_script(self, asked: Asked) -> Script:
        """The script of this question: the first for the first, and the last for all that come after."""
        self.asked.append(asked)
        return self._scripts[min(len(self.asked), len(self._scripts)) - 1]

    async def _play(self, script: Script, asked: Asked) -> AsyncGenerator[ModelEvent, None]:
        prompt_tokens = count_words(asked.messages, asked.prefix)
        said = 0
        reason = FinishReason.STOP
        try:
            yield Started(self._name)
            for said, piece in enumerate(script.pieces):
                if said == asked.sampling.max_tokens:
                    reason = FinishReason.LENGTH
                    break
                await self._wait(script.token_ms if said else script.first_token_ms, asked.deadline)
                if asked.deadline.expired:
                    reason = FinishReason.DEADLINE
                    break
                if script.fault is not None and said == script.fault_after:
                    raise script.fault
                score = script.scores[said] if said < len(script.scores) else CONFIDENT
                yield TextDelta(piece, (score,), script.bytes_per_token)
            else:
                said = len(script.pieces)
                if script.fault is not None and script.fault_after >= said:
                    raise script.fault
            yield Completed(Usage(prompt_tokens, said), reason, script.usd, script.cloud_energy)
        except (GeneratorExit, asyncio.CancelledError):
            self.abandoned += 1
            raise

    async def _wait(self, milliseconds: float, deadline: Deadline) -> None:
        if milliseconds > 0:
            await self._clock.sleep(min(milliseconds / 1000, deadline.remaining_s))


class ScriptedModel(_Scripted):
    """A `LocalModel` that plays scripts: the first for the first question, the last for all that come after.

    It obeys the deadline, `max_tokens` and its context window as a real one does. It plays its script as it is,
    whatever the prefix: a script for a handed-off answer holds the rest of it.
    """

    def __init__(
        self, clock: Clock, *scripts: Script, name: str = "scripted-local", context_tokens: int = 2048
    ) -> None:
        super().__init__(clock, scripts, name)
        self._context_tokens = context_tokens

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may not exceed this."""
        return self._context_tokens

    @property
    def rolling(self) -> bool:
        """Never: its answers end at the window."""
        return False

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        """The words: one token each."""
        return count_words(messages, prefix)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncIterator[ModelEvent]:
        """Play the next script; see `LocalModel`."""
        asked = Asked(messages=tuple(messages), sampling=sampling, deadline=deadline, prefix=prefix)
        script = self._next_script(asked)
        if self.count_tokens(messages, prefix=prefix) >= self._context_tokens:
            raise ContextWindowExceeded(f"the prompt does not fit the {self._context_tokens} tokens of {self._name}")
        async with aclosing(self._play(script, asked)) as events:
            async for event in events:
                yield event


class ShelfStore:
    """A context store that always recalls the same records."""

    def __init__(self, recollection: Recollection) -> None:
        """`recollection` is given whatever is asked, less what is beyond the limit."""
        self.recollection = recollection

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        """As given."""
        return replace(self.recollection, records=self.recollection.records[:limit])

    def sensitivities(self, ids: Sequence[int]) -> Mapping[int, Sensitivity]:
        """As the records say."""
        return {hit.record.id: hit.record.sensitivity for hit in self.recollection if hit.record.id is not None}


class ScriptedCloudModel(_Scripted):
    """A `CloudModel` that plays scripts: the first for the first question, the last for all that come after.

    Past the deadline it raises `CloudTimeout`. Its tokens carry no scores unless the script gives some.
    """

    def __init__(
        self, clock: Clock, *scripts: Script, name: str = "scripted-cloud", terms: Terms | CloudError = FREE
    ) -> None:
        """`terms` is what `terms()` answers, or the error that it raises."""
        super().__init__(clock, scripts, name)
        self._terms = terms
        self.contacts = 0
        """How often its terms were asked for."""

    async def terms(self) -> Terms:
        """Its prices and its window; see `CloudModel`."""
        self.contacts += 1
        if isinstance(self._terms, CloudError):
            raise self._terms
        return self._terms

    async def generate(
        self,
        outbound: Outbound,
        *,
        request_id: str,
        decision_id: str,
        sampling: Sampling,
        deadline: Deadline,
        span: Span = NO_SPAN,
    ) -> AsyncIterator[ModelEvent]:
        """Play the next script; see `CloudModel`."""
        asked = Asked(
            messages=outbound.messages,
            sampling=sampling,
            deadline=deadline,
            prefix=outbound.prefix,
            request_id=request_id,
        )
        script = self._next_script(asked)
        async with aclosing(self._play(script, asked)) as events:
            async for event in events:
                match event:
                    case Completed(finish_reason=FinishReason.DEADLINE):
                        raise CloudTimeout(f"{self._name} gave no token before the deadline")
                    case TextDelta() if not script.scores:
                        yield TextDelta(event.text)
                    case _:
                        yield event


class WordDetector:
    """A `Detector` that finds given words, wherever they stand as whole words."""

    def __init__(self, words: Mapping[str, Finding]) -> None:
        """`words` says of each what is found; the places of those findings do not matter."""
        self._words = dict(words)

    def find(self, text: str) -> Sequence[Finding]:
        """In the order of their starts. Of words that overlap, the one that begins first, and is longest."""
        longest_first = sorted(self._words, key=len, reverse=True)
        any_of_them = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first) or r"(?!)")
        return [
            replace(self._words[match.group()], start=match.start(), end=match.end())
            for match in any_of_them.finditer(text)
        ]


def count_words(messages: Sequence[Message] | Sequence[OutboundMessage], prefix: str = "") -> int:
    """The scripted models' idea of tokens: words."""
    return sum(len(message.text.split()) for message in messages) + len(prefix.split())


class FakeMeter:
    """An `EnergyMeter` with figures as told: watts of the clock's time, and joules for each step of a model."""

    def __init__(
        self,
        clock: Clock,
        *,
        watts: float = 0.0,
        joules_per_step: float = 0.0,
        uncertainty_share: float = 0.1,
        source: EnergySource = EnergySource.MODELLED,
    ) -> None:
        """A step is one call of `EnergySpan.moved`, which a model's every token makes."""
        self._clock = clock
        self._watts = watts
        self._joules_per_step = joules_per_step
        self._uncertainty_share = uncertainty_share
        self._source = source

    def start(self) -> FakeSpan:
        """Begin a span."""
        return FakeSpan(self, self._clock.monotonic())

    def _energy(self, since_s: float, steps: int) -> Energy:
        joules = self._watts * (self._clock.monotonic() - since_s) + self._joules_per_step * steps
        return Energy(joules, joules * self._uncertainty_share, self._source)


class FakeSpan:
    """A span of a `FakeMeter`."""

    def __init__(self, meter: FakeMeter, since_s: float) -> None:
        self._meter = meter
        self._since_s = since_s
        self._final: Energy | None = None
        self.steps = 0

    def moved(self, n_bytes: int) -> None:
        """Count a step."""
        self.steps += 1

    def read(self) -> Energy:
        """Energy since the span began."""
        return self._final or self._meter._energy(self._since_s, self.steps)

    def stop(self) -> Energy:
        """The final figure."""
        self._final = self.read()
        return self._final
