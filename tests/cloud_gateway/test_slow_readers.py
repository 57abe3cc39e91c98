"""Back-pressure: what a caller does not read piles up nowhere, and the model server waits."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
import pytest

from cloud_gateway.server import GatewayServer
from orchestrator.client import AsyncGateway
from orchestrator.types import ModelEvent, TextDelta
from orchestrator.v1 import chat_pb2, gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import answers
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 120
STREAMS = 200
PIECE = "word " * 800
PIECES = 80
WINDOW_BYTES = 65_535
SETTLED = 50
"""Calls that go through while nothing more is written."""


def asked(number: int) -> gateway_service_pb2.StreamGenerateRequest:
    request = gateway_service_pb2.StreamGenerateRequest(request_id=str(number))
    request.chat.model = "small"
    request.chat.messages.add(role=chat_pb2.ROLE_USER, text="Write a book.")
    return request


async def test_streams_that_nobody_reads_hold_no_more_than_their_windows(
    gateway: GatewayServer,
    upstream: SimulatedUpstream,
    api_key: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream.replies = [Reply(pieces=(PIECE,) * PIECES)]
    given = 0
    encode = answers.encode_event

    def counted(event: ModelEvent, *arguments: Any) -> Any:
        nonlocal given
        given += len(event.text) if isinstance(event, TextDelta) else 0
        return encode(event, *arguments)

    monkeypatch.setattr(answers, "encode_event", counted)
    # A window of a fixed size: a channel may widen it by itself, and holds what came on its own side then.
    options = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW_BYTES))
    async with (
        grpc.aio.insecure_channel(gateway.address, options=options) as channel,
        AsyncGateway(gateway.address) as client,
        asyncio.timeout(HANG_S),
    ):
        stub: Any = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        calls = [
            stub.StreamGenerate(asked(number), metadata=(("authorization", f"Bearer {api_key}"),))
            for number in range(STREAMS)
        ]
        await asyncio.gather(*(call.read() for call in calls))
        before = -1
        while given != before:
            before = given
            for _ in range(SETTLED):
                await client.ping()
        assert given <= STREAMS * 3 * WINDOW_BYTES < STREAMS * PIECES * len(PIECE)
        assert gateway.assembly.admission.running == STREAMS  # the model server waits for them
        arrived, message = 0, await calls[0].read()
        while message.WhichOneof("event") != "finished":
            arrived += len(message.text_delta.text)
            message = await calls[0].read()
        assert arrived == PIECES * len(PIECE)
        for call in calls:
            call.cancel()
        while gateway.assembly.gate.calls:
            await client.ping()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]  # it is no fault of the gateway
