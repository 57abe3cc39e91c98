"""Asks every case in each way, through the real engine with real models, and keeps what was said and what left."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.disclosure.cases import Case
from edge_agent.assembly import CLOUD_SYSTEM, GROUNDED_SYSTEM, LOCAL_SYSTEM
from edge_agent.context.wording import sentence
from orchestrator.budget import Deadline, Ledger, MemoryLedgerStore
from orchestrator.clock import SystemClock
from orchestrator.engine import Engine
from orchestrator.link import Link
from orchestrator.planner import Planner
from orchestrator.ports import LocalModel
from orchestrator.privacy.egress import Outbound
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.value import Prices
from orchestrator.testing import FakeMeter, ShelfStore
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import (
    Answer,
    Decision,
    Effort,
    Message,
    ModelEvent,
    Recollection,
    Request,
    Sampling,
    Terms,
    TextDelta,
)

MOST_TOKENS: Final = 96
_NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Row:
    """What was said to one case."""

    name: str
    alone: str
    """By the device."""
    consulted: str
    """After a consultation."""
    sent: list[str]
    """All that left for it, message by message."""
    general: str
    """What the cloud was asked; empty where it was not."""
    written: str
    """By the device's model from the same records and the same general text; empty where the cloud was not asked."""
    upper: str
    """By the cloud, from the records: nothing keeps them at home."""


@dataclass(slots=True)
class NearCloud:
    """A `CloudModel` in this process. It keeps all that it is sent."""

    model: LocalModel
    sent: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name

    async def terms(self) -> Terms:
        """For nothing."""
        return Terms(self.model.context_tokens)

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
        """See `CloudModel`."""
        self.sent += [*(message.text for message in outbound.messages), outbound.prefix]
        messages = [Message(message.role, message.text) for message in outbound.messages]
        async for event in self.model.generate(messages, sampling=sampling, deadline=deadline):
            yield event


class Recorder:
    """Asks what a file of rows does not have yet."""

    def __init__(self, path: Path, device: LocalModel, cloud: LocalModel) -> None:
        """Both models answer greedily."""
        self._path, self._device, self._cloud = path, device, cloud

    async def record(self, cases: Sequence[Case], *, within_s: float) -> list[Row]:
        """All rows, as far as `within_s` seconds allow."""
        known = {row.name for row in load(self._path)}
        ends_s = time.monotonic() + within_s
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            for case in cases:
                if case.name not in known and time.monotonic() < ends_s:
                    file.write(json.dumps(asdict(await self._row(case))) + "\n")
                    file.flush()
        return load(self._path)

    async def _row(self, case: Case) -> Row:
        near = NearCloud(self._cloud)
        alone = await self._asked(case, near, Effort.NONE)
        consulted = await self._asked(case, near, Effort.CONSULT)
        home = self._composer(self._device, GROUNDED_SYSTEM).compose(
            [Message("user", case.question)], case.recalled, now=_NOW, window_tokens=self._device.context_tokens
        )
        away = self._composer(self._cloud, CLOUD_SYSTEM).compose(
            [Message("user", case.question)], case.recalled, now=_NOW, window_tokens=self._cloud.context_tokens
        )
        said = consulted.text.rpartition("In general: ")[2] if consulted.egress.asked else ""
        *before, last = home.messages
        both = [*before, replace(last, text=f"In general: {said}\n\n{last.text}")]
        return Row(
            name=case.name,
            alone=alone.text,
            consulted=consulted.text,
            sent=near.sent,
            general=consulted.egress.asked,
            written=await _written(self._device, both) if said else "",
            upper=await _written(self._cloud, away.messages),
        )

    async def _asked(self, case: Case, near: NearCloud, effort: Effort) -> Answer:
        request = Request(
            id=f"{case.name} {effort}",
            messages=(Message("user", case.question),),
            sampling=Sampling(max_tokens=MOST_TOKENS),
            effort=effort,
        )
        async with aclosing(self._engine(case, near).run(request)) as events:
            *_, answer = [event async for event in events]
        assert isinstance(answer, Answer)
        return answer

    def _engine(self, case: Case, near: NearCloud) -> Engine:
        link, costs = Link(near, _CLOCK), CostHistory()
        ledger = Ledger(MemoryLedgerStore(), (), _CLOCK)
        planner = Planner(
            local=self._device,
            link=link,
            context=ShelfStore(Recollection(case.recalled, confidence=1.0)),
            ledger=ledger,
            composer=self._composer(self._device, GROUNDED_SYSTEM),
            cloud_system=CLOUD_SYSTEM,
            costs=costs,
            prices=Prices(),
            clock=_CLOCK,
        )
        return Engine(
            planner=planner,
            local=self._device,
            link=link,
            ledger=ledger,
            meter=FakeMeter(_CLOCK),
            costs=costs,
            observer=_Nobody(),
            clock=_CLOCK,
        )

    @staticmethod
    def _composer(model: LocalModel, grounded: str) -> Composer:
        return Composer(
            wording=sentence, count_tokens=model.count_tokens, system=LOCAL_SYSTEM, grounded_system=grounded
        )


class _Nobody:
    """An observer whom nothing interests."""

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None: ...
    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None: ...
    def answered(self, decision: Decision, answer: Answer) -> None: ...
    def failed(self, decision_id: str, error_type: str, message: str) -> None: ...


async def _written(model: LocalModel, messages: Sequence[Message]) -> str:
    sampling, deadline = Sampling(max_tokens=MOST_TOKENS), Deadline.after(_CLOCK, None)
    events = model.generate(messages, sampling=sampling, deadline=deadline)
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def load(path: Path) -> list[Row]:
    """The rows that are there."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Row) for line in path.read_text(encoding="utf-8").splitlines()]
