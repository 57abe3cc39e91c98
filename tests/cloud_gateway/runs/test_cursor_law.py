"""However a connection is cut and taken up again, the text that arrived is the answer, and it was asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cloud_gateway.runs import Runs, Turn
from cloud_gateway.sections.replay import ReplaySection
from orchestrator.chat import Chat
from orchestrator.clock import SystemClock
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, FinishReason, ModelEvent, Sampling, Started, TextDelta, Usage

CHAT = Chat(model="m", messages=(OutboundMessage("user", arrived("Hi")),), sampling=Sampling())
KEY = ("caller", "request")
RECEIPT = Completed(Usage(1, 2), FinishReason.STOP)
TURNS_TO_SETTLE = 6


class Connection(RuleBasedStateMachine):
    """A model that writes, and a caller whose connection breaks at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.runs = Runs(ReplaySection(linger_s=3600), SystemClock())
        self.upstream: asyncio.Queue[str | None] = asyncio.Queue()
        self.asked = 0
        self.written = ""
        self.finished = False
        self.arrived = ""
        self.begun = False
        self.receipts: list[ModelEvent] = []
        self.events: AsyncGenerator[ModelEvent, None] | None = None

    async def source(self, turn: Turn) -> AsyncGenerator[ModelEvent, None]:
        self.asked += 1
        yield Started("m")
        while (piece := await self.upstream.get()) is not None:
            yield TextDelta(piece)
        yield RECEIPT

    @precondition(lambda self: not self.finished)
    @rule(piece=st.text(min_size=1, max_size=20), times=st.integers(1, 40))
    def write(self, piece: str, times: int) -> None:
        for _ in range(times):
            self.written += piece
            self.upstream.put_nowait(piece)
        self.loop.run_until_complete(self._settle())

    @precondition(lambda self: self.begun and not self.finished)
    @rule()
    def finish(self) -> None:
        self.finished = True
        self.upstream.put_nowait(None)
        self.loop.run_until_complete(self._settle())

    @precondition(lambda self: self.events is None)
    @rule(again=st.integers(0, 30))
    def connect(self, again: int) -> None:
        """Also from before what has arrived: the caller may have lost the end of it."""
        self.arrived = self.arrived[: max(0, len(self.arrived) - again)]
        self.events = self.runs.follow(KEY, CHAT, self.source, len(self.arrived))
        self.read(1)

    @precondition(lambda self: self.events is not None)
    @rule(count=st.integers(1, 40))
    def read(self, count: int) -> None:
        """Who waits in vain for an event gives up: the connection breaks in the middle of waiting."""
        self.loop.run_until_complete(self._read(count))

    @precondition(lambda self: self.events is not None)
    @rule()
    def cut(self) -> None:
        self.loop.run_until_complete(self._cut())

    def teardown(self) -> None:
        try:
            if self.begun:
                if not self.finished:
                    self.finish()
                if self.events is None:
                    self.connect(0)
                while self.events is not None:
                    self.read(10)
                assert self.arrived == self.written
                assert self.receipts[-1] == RECEIPT
                assert self.asked == 1
        finally:
            self.loop.run_until_complete(self.runs.aclose())
            self.loop.close()

    async def _read(self, count: int) -> None:
        for _ in range(count):
            if self.events is None:
                return
            waiting = asyncio.ensure_future(anext(self.events, None))
            await self._settle()
            if not waiting.done():
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
                await self._cut()
                return
            match waiting.result():
                case Started():
                    assert self.arrived == ""
                    self.begun = True
                case TextDelta(text=text):
                    self.arrived += text
                    self.begun = True
                    assert self.written.startswith(self.arrived)
                case Completed() as receipt:
                    self.receipts.append(receipt)
                    assert self.arrived == self.written
                case None:
                    self.events = None

    async def _cut(self) -> None:
        assert self.events is not None
        await self.events.aclose()
        self.events = None

    @staticmethod
    async def _settle() -> None:
        for _ in range(TURNS_TO_SETTLE):
            await asyncio.sleep(0)


TestConnection = Connection.TestCase
TestConnection.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
