"""A real engine, journal and ledger behind the real server; only the models are scripted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from starlette.applications import Starlette

from edge_agent.journal import Journal
from edge_agent.serve import Defaults, Overview, Room, create_app
from edge_agent.serve.access import guards
from edge_agent.serve.server import Server, listen, url_of
from orchestrator.budget import Ledger, MemoryLedgerStore, Window
from orchestrator.clock import SystemClock
from orchestrator.engine import Engine
from orchestrator.errors import CloudError
from orchestrator.link import Link
from orchestrator.planner import Planner
from orchestrator.ports import LocalModel
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.value import Prices
from orchestrator.testing import FakeMeter, Script, ScriptedCloudModel, ScriptedModel, ShelfStore
from orchestrator.types import Recalled, Recollection, Terms

PRICED = Terms(4096, 1e-6, 2e-6)
HONEY = Script(pieces=["Bees ", "make ", "honey."])


class House:
    """An engine with everything around it, and the app in front."""

    def __init__(
        self,
        folder: Path,
        *,
        local: Script | LocalModel = HONEY,
        cloud: Script | None = None,
        terms: Terms | CloudError = PRICED,
        records: Sequence[Recalled] = (),
        windows: Sequence[Window] = (),
        seats: int = 64,
        host: str = "127.0.0.1",
        api_key: str | None = None,
        **defaults: Any,
    ) -> None:
        self.clock = SystemClock()
        self.local: Any = ScriptedModel(self.clock, local, name="little") if isinstance(local, Script) else local
        self.cloud = ScriptedCloudModel(self.clock, cloud, name="big", terms=terms) if cloud else None
        self.ledger = Ledger(MemoryLedgerStore(), windows, self.clock)
        self.journal = Journal.open(folder / "journal.db")
        self.link = Link(self.cloud, self.clock)
        self.room = Room(seats)
        costs = CostHistory()
        self.engine = Engine(
            planner=Planner(
                local=self.local,
                link=self.link,
                context=ShelfStore(Recollection(tuple(records), confidence=1.0)),
                ledger=self.ledger,
                composer=Composer(
                    wording=lambda record, now: f"{record.title}: {record.body}",
                    count_tokens=self.local.count_tokens,
                    system="Be brief.",
                ),
                costs=costs,
                prices=Prices(),
                clock=self.clock,
            ),
            local=self.local,
            link=self.link,
            ledger=self.ledger,
            meter=FakeMeter(self.clock, joules_per_step=0.5),
            costs=costs,
            observer=self.journal,
            clock=self.clock,
        )
        self.app: Starlette = create_app(
            self.engine,
            Defaults(local_model=self.local.name, **defaults),
            Overview(journal=self.journal, ledger=self.ledger, link=self.link, context_tokens=2048),
            guards=guards(host, api_key),
            room=self.room,
            clock=self.clock,
        )

    def post(self, body: Any = None, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """One chat completion, without a socket."""
        if body is None:
            body = {"model": "edgewise", "messages": [{"role": "user", "content": "What do bees make?"}]} | fields
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.request("POST", "/v1/chat/completions", headers=headers, **sent)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, without a socket."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    @contextmanager
    def open(self) -> Iterator[str]:
        """The URL of the app on a real socket."""
        server = Server(self.app, self.room, grace_s=0.2)
        with listen("127.0.0.1", 0) as listener:
            thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
            thread.start()
            try:
                yield url_of(listener)
            finally:
                server.should_exit = True
                thread.join(timeout=30)
                assert not thread.is_alive()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses."""
    houses: list[House] = []

    def build(**options: Any) -> House:
        houses.append(House(tmp_path, **options))
        return houses[-1]

    yield build
    for one in houses:
        one.journal.close()


@pytest.fixture
def client() -> Iterator[Callable[[str], openai.OpenAI]]:
    """Makes official clients, which do not try twice."""
    clients: list[openai.OpenAI] = []

    def connect(url: str, **options: Any) -> openai.OpenAI:
        clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, **options))
        return clients[-1]

    yield connect
    for one in clients:
        one.close()


class EndlessModel:
    """A local model that never comes to an end, and tells when it was stopped."""

    name = "endless"
    context_tokens = 2048
    rolling = False

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.started = threading.Event()
        self.stopped = threading.Event()

    def count_tokens(self, messages: Sequence[Any], *, prefix: str = "") -> int:
        return 10

    async def generate(self, messages: Any, **_: Any) -> AsyncIterator[Any]:
        from orchestrator.testing import CONFIDENT
        from orchestrator.types import Started, TextDelta

        try:
            yield Started(self.name)
            self.started.set()
            while True:
                if not self.silent:
                    yield TextDelta("word ", (CONFIDENT,))
                await asyncio.sleep(0.005)
        finally:
            self.stopped.set()


@pytest.fixture
def endless() -> Callable[..., EndlessModel]:
    """Makes endless models."""
    return EndlessModel
