"""The witness of a client: told of every call, before it, with the very bytes that arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest

from cloud_gateway.server import GatewayServer
from orchestrator.client import AsyncGateway, Outcome, Sending
from orchestrator.client.testing import FakeGateway, FakeReply
from orchestrator.errors import CloudTruncated, CloudUnavailable, StoreUnavailable
from orchestrator.testing import ManualClock
from orchestrator.v1.gateway_service_pb2 import StreamGenerateRequest
from simulation.upstream import SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]


@dataclass
class Notes:
    """A witness that remembers."""

    told: list[Sending] = field(default_factory=list)
    ends: dict[int, tuple[Outcome, str]] = field(default_factory=dict)
    refuses: bool = False

    async def leaving(self, sending: Sending) -> int:
        if self.refuses:
            raise StoreUnavailable("the log is full")
        self.told.append(sending)
        return len(self.told)

    def ended(self, number: int, outcome: Outcome, error_type: str = "") -> None:
        self.ends[number] = outcome, error_type


class Listening(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic for mypy alone
    """Takes any call, and keeps the bytes of its message."""

    def __init__(self, reply: Callable[[Any], Any]) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self._reply = reply

    def service(self, details: Any) -> Any:
        async def stream(body: bytes, context: Any) -> AsyncIterator[bytes]:
            self.arrived.append((details.method, body))
            async for message in self._reply(context):
                yield message

        return grpc.unary_stream_rpc_method_handler(stream)


@asynccontextmanager
async def listening(reply: Callable[[Any], Any], notes: Notes) -> AsyncIterator[tuple[AsyncGateway, Listening]]:
    server, handler = grpc.aio.server(), Listening(reply)
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with AsyncGateway(f"127.0.0.1:{port}", model="m", api_key="secret", witness=notes) as client:
            yield client, handler
    finally:
        await server.stop(None)


async def unavailable(context: Any) -> AsyncIterator[bytes]:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "")
    yield b""


async def test_what_is_told_is_what_arrives_however_often_the_channel_sends_it() -> None:
    notes = Notes()
    async with listening(unavailable, notes) as (client, server):
        with pytest.raises(CloudUnavailable):
            await anext(client.stream("What do bees make?", about="decision 7"))
    (told,) = notes.told
    assert server.arrived == [(told.method, told.body)] * told.attempts
    assert b"What do bees make?" in told.body
    assert (told.target, told.about, told.attempts) == (client.target, "decision 7", 3)
    assert told.metadata == (("authorization", "(the key)"),)
    assert notes.ends == {1: (Outcome.FAILED, "cloud_unavailable")}


async def test_each_resumption_and_each_farewell_is_a_call_of_its_own() -> None:
    notes = Notes()
    reply = FakeReply(breaks=(2,), hold_after=3)
    async with (
        FakeGateway(reply) as fake,
        AsyncGateway(fake.target, model="m", clock=ManualClock(), witness=notes) as client,
        aclosing(client.stream("What do bees make?", request_id="r1", about="decision 7")) as stream,
    ):
        for _ in range(4):
            await anext(stream)
    methods = [told.method.rpartition("/")[2] for told in notes.told]
    assert methods == ["StreamGenerate", "StreamGenerate", "CancelGenerate"]
    first, second = (StreamGenerateRequest.FromString(told.body) for told in notes.told[:2])
    assert (first.resume_from, second.resume_from) == (0, len("Bees make"))
    assert (first.request_id, first.chat) == (second.request_id, second.chat)
    assert [told.about for told in notes.told] == ["decision 7", "decision 7", None]
    assert notes.ends == {
        1: (Outcome.FAILED, "cloud_unavailable"),
        2: (Outcome.CANCELLED, ""),
        3: (Outcome.ANSWERED, ""),
    }


async def test_an_answer_cut_off_for_good_failed() -> None:
    notes = Notes()
    async with (
        FakeGateway(FakeReply(receipt=False, cursors=False)) as fake,
        AsyncGateway(fake.target, model="m", witness=notes) as client,
    ):
        with pytest.raises(CloudTruncated):
            [event async for event in client.stream("Hi")]
    assert notes.ends == {1: (Outcome.FAILED, "cloud_truncated")}


async def test_every_call_is_told(gateway: GatewayServer, api_key: str) -> None:
    notes = Notes()
    async with AsyncGateway(gateway.address, api_key=api_key, model="small", witness=notes) as client:
        await client.ping()
        await client.models()
        await client.generate("Hi")
        [event async for event in client.stream("Hi")]
    methods = [told.method.rpartition("/")[2] for told in notes.told]
    assert methods == ["Check", "ListModels", "Generate", "StreamGenerate"]
    assert notes.told[0].metadata == ()
    assert not any(api_key.encode() in told.body or api_key in str(told.metadata) for told in notes.told)
    assert notes.ends == dict.fromkeys((1, 2, 3, 4), (Outcome.ANSWERED, ""))


async def test_what_the_witness_refuses_does_not_leave(
    gateway: GatewayServer, api_key: str, upstream: SimulatedUpstream
) -> None:
    notes = Notes(refuses=True)
    async with AsyncGateway(gateway.address, api_key=api_key, model="small", witness=notes) as client:
        with pytest.raises(StoreUnavailable):
            await client.generate("Hi")
        with pytest.raises(StoreUnavailable):
            await anext(client.stream("Hi"))
    assert upstream.chats == 0
    assert notes.ends == {}
