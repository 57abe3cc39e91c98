"""Resuming on the wire: through a real gateway, with plain generated code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
import pytest

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator.chat import Chat
from orchestrator.errors import CloudError, CloudNotFound, CloudRejected
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Sampling
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import requests, status
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
CHAT = Chat(model="small", messages=(OutboundMessage("user", arrived("Hi")),), sampling=Sampling())
PIECES = ("Bees", " 🐝", " make", " hône", "y.")
ANSWER = "".join(PIECES)


@pytest.fixture
async def stub(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> AsyncIterator[Any]:
    upstream.replies = [Reply(pieces=PIECES, hold_after=3)]
    async with (
        running(gateway_config(replay={"linger_s": HANG_S}), environment={"TEST_KEY": api_key}) as gateway,
        grpc.aio.insecure_channel(gateway.address) as channel,
        asyncio.timeout(HANG_S),
    ):
        yield gateway_service_pb2_grpc.GatewayServiceStub(channel)


@pytest.fixture
def metadata(api_key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key}"),)


def ask(resume_from: int = 0) -> gateway_service_pb2.StreamGenerateRequest:
    return requests.encode_stream("id", CHAT, resume_from=resume_from)


async def error_of(call: Any) -> CloudError:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call.read()
    trailers: Any = failed.value.trailing_metadata()
    return status.decode(failed.value.code(), failed.value.details(), trailers, target="t")


async def test_every_event_has_its_cursor_and_a_lost_connection_is_taken_up_at_it(
    stub: Any, upstream: SimulatedUpstream, metadata: Any
) -> None:
    lost = stub.StreamGenerate(ask(), metadata=metadata)
    events = [await lost.read() for _ in range(4)]
    assert [event.WhichOneof("event") for event in events] == ["started", *["text_delta"] * 3]
    assert [event.cursor for event in events] == [0, 4, 6, 11]
    await upstream.holding.wait()
    lost.cancel()
    resumed = aiter(stub.StreamGenerate(ask(5), metadata=metadata))  # from the middle of a piece
    assert [(await anext(resumed)).text_delta.text for _ in range(2)] == ["🐝", " make"]
    upstream.release.set()
    rest = [event async for event in resumed]
    assert "".join(event.text_delta.text for event in rest) == " hône" + "y."
    assert (rest[-1].WhichOneof("event"), rest[-1].cursor) == ("finished", len(ANSWER))
    again = [event async for event in stub.StreamGenerate(ask(len(ANSWER)), metadata=metadata)]
    assert again == rest[-1:]
    whole = await stub.Generate(requests.encode_generate("id", CHAT), metadata=metadata)
    assert (whole.text, whole.finished) == (ANSWER, again[0].finished)
    assert upstream.chats == 1


async def test_what_cannot_be_resumed_is_a_typed_error(stub: Any, upstream: SimulatedUpstream, metadata: Any) -> None:
    assert type(await error_of(stub.StreamGenerate(ask(1), metadata=metadata))) is CloudNotFound
    assert type(await error_of(stub.StreamGenerate(ask(-1), metadata=metadata))) is CloudRejected
    assert upstream.chats == 0


async def test_who_cancels_ends_the_answer_down_to_the_model(
    stub: Any, upstream: SimulatedUpstream, metadata: Any
) -> None:
    call = stub.StreamGenerate(ask(), metadata=metadata)
    await upstream.holding.wait()
    await stub.CancelGenerate(gateway_service_pb2.CancelGenerateRequest(request_id="id"), metadata=metadata)
    await upstream.disconnected.wait()
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        [event async for event in call]
    assert failed.value.code() is grpc.StatusCode.CANCELLED
