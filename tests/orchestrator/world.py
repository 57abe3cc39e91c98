"""An engine among fakes: what tests of the engine and of its parts look at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from orchestrator.budget import Ledger, MemoryLedgerStore, Window
from orchestrator.candour import Candour
from orchestrator.effort.strategy import EffortRules
from orchestrator.engine import Engine
from orchestrator.errors import CloudUnavailable
from orchestrator.link import Link
from orchestrator.moves import MoveRules
from orchestrator.patience import Patience
from orchestrator.planner import Planner
from orchestrator.ports import ContextStore
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.value import Prices
from orchestrator.testing import FakeMeter, ManualClock, Script, ScriptedCloudModel, ScriptedModel, ShelfStore
from orchestrator.types import (
    Answer,
    Decision,
    Message,
    Piece,
    Recalled,
    Recollection,
    Record,
    Request,
    Sensitivity,
    Terms,
)

EASY = "What do bees make?"
HARD = "Explain why and how a compiler works, compare two algorithms, and prove the complexity of each in detail"
PRICED = Terms(context_tokens=4096, prompt_usd=1e-6, completion_usd=2e-6)


class Witness:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.situations: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.refusals: list[Refusal] = []
        self.failures: list[str] = []

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        self.decisions.append(decision)
        self.situations.append(situation)

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        self.refusals.append(refusal)
        self.situations.append(situation)

    def answered(self, decision: Decision, answer: Answer) -> None:
        self.answers.append(answer)

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        self.failures.append(error_type)


class World:
    """An engine among fakes."""

    def __init__(
        self,
        *,
        local: Script | Sequence[Script] | None = None,
        cloud: Script | None = None,
        terms: Terms | CloudUnavailable = PRICED,
        records: Sequence[Recalled] = (),
        recollection: Recollection | None = None,
        context: ContextStore | None = None,
        windows: Sequence[Window] = (),
        joules_per_step: float = 0.1,
        patience: Patience | None = None,
        effort: EffortRules | None = None,
        moves: MoveRules | None = None,
        disclosure: Disclosure | None = None,
    ) -> None:
        self.clock = ManualClock()
        scripts = [local] if isinstance(local, Script) else local
        self.local = ScriptedModel(self.clock, *(scripts or [Script(pieces=["honey", ", ", "mostly"])]))
        self.cloud = ScriptedCloudModel(
            self.clock, cloud or Script(pieces=["from ", "the ", "cloud"], usd=0.0001), terms=terms
        )
        self.store = MemoryLedgerStore()
        self.ledger = Ledger(self.store, windows, self.clock)
        self.witness = Witness()
        self.costs = CostHistory()
        link = Link(self.cloud, self.clock)
        composer = Composer(
            wording=lambda record, now: f"{record.title}: {record.body}",
            count_tokens=self.local.count_tokens,
            system="Be brief.",
        )
        recalled = Recollection(tuple(records), confidence=1.0) if recollection is None else recollection
        self.planner = Planner(
            local=self.local,
            link=link,
            context=context or ShelfStore(recalled),
            ledger=self.ledger,
            composer=composer,
            candour=Candour(nothing="Nothing.", unsure="Perhaps:", wording=composer.wording),
            disclosure=disclosure,
            costs=self.costs,
            prices=Prices(),
            clock=self.clock,
            effort=effort,
        )
        self.engine = Engine(
            planner=self.planner,
            local=self.local,
            link=link,
            ledger=self.ledger,
            meter=FakeMeter(self.clock, joules_per_step=joules_per_step),
            costs=self.costs,
            observer=self.witness,
            clock=self.clock,
            patience=patience,
            effort=effort,
            moves=moves,
        )

    async def run(self, question: str = EASY, **options: Any) -> tuple[list[Piece], Answer]:
        request = Request(id="r1", messages=(Message("user", question),), **options)
        async with contextlib.aclosing(self.engine.run(request)) as stream:
            events = [event async for event in stream]
        *pieces, answer = events
        assert isinstance(answer, Answer)
        assert all(isinstance(piece, Piece) for piece in pieces)
        return [piece for piece in pieces if isinstance(piece, Piece)], answer

    def ask(self, question: str = EASY, **options: Any) -> Answer:
        pieces, answer = asyncio.run(self.run(question, **options))
        assert "".join(piece.text for piece in pieces) == answer.text
        return answer


def hit(label: Sensitivity, *, id: int = 12, relevance: float = 0.9) -> Recalled:
    return Recalled(Record(kind="event", title="Dentist", body="Tuesday at 9:30", sensitivity=label, id=id), relevance)
