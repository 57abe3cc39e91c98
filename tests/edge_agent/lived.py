"""A home where an agent has lived for some days: journal and ledger as the engine writes them, by scripted models."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.journal import Journal
from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, Window
from orchestrator.engine import Engine
from orchestrator.errors import CloudUnavailable, EdgewiseError, InferenceFailed
from orchestrator.link import Link
from orchestrator.planner import Planner
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.value import Prices
from orchestrator.testing import UNSURE, FakeMeter, ManualClock, Script, ScriptedCloudModel, ScriptedModel, ShelfStore
from orchestrator.types import Message, Recalled, Recollection, Record, Request, RoutePreference, Sensitivity, Terms
from orchestrator.units import Energy, EnergySource

CANARY = "heliotrope"
"""In every question, record and answer: nothing that was made of the journal may hold it."""
_QUESTIONS = (
    "What is {canary}?",
    "Prove that the sum of {canary} and the square root of 2 is irrational, step by step, and explain why.",
    "Write a Python function that sorts {canary} by the third column and handles missing values.",
    "When did I plant the {canary}?",
    "Say hello to {canary}.",
    "Compare the causes of the two wars in {canary}, and analyse how historians disagree about them.",
)
_TERMS = Terms(context_tokens=4096, prompt_usd=2e-6, completion_usd=8e-6)


class Life:
    """An agent whose models play scripts. The engine, the journal and the ledger are the real ones."""

    def __init__(self, home: Path, start: datetime, windows: tuple[Window, ...] = (), seed: int = 7) -> None:
        self.home = home
        self.start = start
        self.windows = windows
        self._chance = random.Random(seed)

    def live(self, questions: int, *, hours: float) -> None:
        """Ask so many questions, spread over so many hours."""
        asyncio.run(self._live(questions, hours))

    async def _live(self, questions: int, hours: float) -> None:
        clock = ManualClock(self.start)
        local = ScriptedModel(clock, *(self._local() for _ in range(questions)), name="little")
        cloud = ScriptedCloudModel(clock, *(self._cloud() for _ in range(questions)), name="big", terms=_TERMS)
        shelf = ShelfStore(Recollection())
        with (
            Journal.open(self.home / "journal.db", clock) as journal,
            SqliteLedgerStore.open(self.home / "ledger.db") as store,
        ):
            engine = _engine(clock, local, cloud, shelf, Ledger(store, self.windows, clock), journal)
            for number in range(questions):
                clock.set_wall(self.start + timedelta(hours=hours * number / questions))
                shelf.recollection = self._recalled()
                with suppress(EdgewiseError):
                    async for _ in engine.run(self._request(number)):
                        pass

    def _request(self, number: int) -> Request:
        wish = RoutePreference.LOCAL if self._chance.random() < 0.1 else RoutePreference.AUTO
        text = self._chance.choice(_QUESTIONS).format(canary=CANARY)
        return Request(id=f"r{number}", messages=(Message("user", text),), route=wish)

    def _recalled(self) -> Recollection:
        if self._chance.random() > 0.3:
            return Recollection()
        label = self._chance.choice((Sensitivity.PRIVATE, Sensitivity.PUBLIC))
        record = Record(id=12, kind="note", title=CANARY, body=f"planted the {CANARY} in May", sensitivity=label)
        return Recollection((Recalled(record, 0.9),), confidence=0.9)

    def _local(self) -> Script:
        tokens = self._chance.randint(4, 90)
        broken, unsure = self._chance.random() < 0.02, self._chance.random() < 0.15
        return Script(
            pieces=[f"{CANARY}{n} " for n in range(tokens)],
            scores=[UNSURE] * tokens if unsure else [],
            first_token_ms=self._chance.lognormvariate(4.6, 0.5),
            token_ms=self._chance.lognormvariate(2.4, 0.3),
            fault=InferenceFailed("the logits are not numbers") if broken else None,
        )

    def _cloud(self) -> Script:
        tokens = self._chance.randint(20, 160)
        lost = self._chance.random() < 0.05
        return Script(
            pieces=[f"{CANARY}{n} " for n in range(tokens)],
            first_token_ms=self._chance.lognormvariate(5.9, 0.4),
            token_ms=self._chance.lognormvariate(3.3, 0.3),
            usd=5 * _TERMS.prompt_usd + tokens * _TERMS.completion_usd,
            cloud_energy=Energy(2.0 * tokens, 0.5 * tokens, EnergySource.MODELLED),
            fault=CloudUnavailable("the gateway went away") if lost else None,
            fault_after=self._chance.randint(0, 10),
        )


def _engine(
    clock: ManualClock,
    local: ScriptedModel,
    cloud: ScriptedCloudModel,
    shelf: ShelfStore,
    ledger: Ledger,
    journal: Journal,
) -> Engine:
    link, costs = Link(cloud, clock), CostHistory()
    planner = Planner(
        local=local,
        link=link,
        context=shelf,
        ledger=ledger,
        composer=Composer(
            wording=lambda record, now: f"{record.title}: {record.body}",
            count_tokens=local.count_tokens,
            system="Be brief.",
        ),
        costs=costs,
        prices=Prices(),
        clock=clock,
    )
    return Engine(
        planner=planner,
        local=local,
        link=link,
        ledger=ledger,
        meter=FakeMeter(clock, watts=6.0, joules_per_step=0.02, source=EnergySource.RAPL),
        costs=costs,
        observer=journal,
        clock=clock,
    )
