"""Connections that mean no good, as raw HTTP/2 over real sockets: what each of them may take, and how it ends."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio
import hpack
import pytest

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import GatewayServer, running
from cloud_gateway.transport import METADATA_BYTES
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed
from orchestrator.v1 import chat_pb2, gateway_service_pb2, gateway_service_pb2_grpc
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 30
SOON_S = 0.3
"""A limit that is waited for."""
KEY: Final = "a-key-for-tests-and-nothing-else"
GENERATE: Final = "/orchestrator.v1.GatewayService/Generate"
STREAM: Final = "/orchestrator.v1.GatewayService/StreamGenerate"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4
ENHANCE_YOUR_CALM = 11
Configs = Callable[..., GatewayConfig]


class Raw:
    """One end of an HTTP/2 connection that sends whatever it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder, self._decoder = hpack.Encoder(), hpack.Decoder()

    async def send(self, kind: int, flags: int, stream: int, body: bytes = b"", *, times: int = 1) -> None:
        head = struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
        self._writer.write((head + body) * times)
        await self._writer.drain()

    async def call(self, stream: int, path: str = GENERATE, *, key: str = KEY) -> None:
        """The headers of a call, without its request."""
        headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "gateway")]
        headers += [("te", "trailers"), ("content-type", "application/grpc"), ("authorization", f"Bearer {key}")]
        await self.send(HEADERS, END_HEADERS, stream, self._encoder.encode(headers))

    async def frame(self) -> tuple[int, int, int, bytes] | None:
        """Kind, flags, stream and body of the next frame; None at the end of the connection."""
        try:
            head = await self._reader.readexactly(9)
            body = await self._reader.readexactly(int.from_bytes(head[:3]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return head[3], head[4], int.from_bytes(head[5:]), body

    async def until(self, *kinds: int) -> tuple[int, int, int, bytes] | None:
        """The next frame of one of these kinds, or the end."""
        while (frame := await self.frame()) is not None and frame[0] not in kinds:
            pass
        return frame

    async def status(self) -> tuple[str, str]:
        """Code and message of the status that comes next."""
        while (frame := await self.until(HEADERS)) is not None:
            fields: dict[str, str] = dict(self._decoder.decode(frame[3]))  # type: ignore[arg-type]
            if "grpc-status" in fields:
                return fields["grpc-status"], fields.get("grpc-message", "")
        raise AssertionError("the connection ended without a status")

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def connected(address: str, *, greeting: bool = True) -> AsyncIterator[Raw]:
    """A connection that has said as much as HTTP/2 wants to hear, or nothing."""
    host, _, port = address.rpartition(":")
    raw = Raw(*await asyncio.open_connection(host, int(port)))
    try:
        async with asyncio.timeout(HANG_S):
            if greeting:
                raw._writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                await raw.send(SETTINGS, 0, 0)
            yield raw
    finally:
        raw.close()


@asynccontextmanager
async def limited(config: Configs, **connections: float) -> AsyncIterator[GatewayServer]:
    async with running(config(connections=connections), environment={"TEST_KEY": KEY}) as gateway:
        yield gateway


def request(text: str = "Hi") -> bytes:
    chat = chat_pb2.Chat(model="small", messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, text=text)])
    return gateway_service_pb2.GenerateRequest(request_id="r", chat=chat).SerializeToString()


def framed(message: bytes) -> bytes:
    """As gRPC sends it: not compressed, and its length before it."""
    return b"\0" + struct.pack(">I", len(message)) + message


async def test_one_that_connects_and_says_nothing_is_hung_up_on(gateway_config: Configs) -> None:
    async with (
        limited(gateway_config, handshake_s=SOON_S) as gateway,
        connected(gateway.address, greeting=False) as raw,
    ):
        while await raw.frame() is not None:
            pass


async def test_one_without_a_call_is_let_go(gateway_config: Configs) -> None:
    async with limited(gateway_config, idle_s=SOON_S) as gateway, connected(gateway.address) as raw:
        assert await raw.until(GOAWAY) is not None


@pytest.mark.parametrize("path", [GENERATE, STREAM, "/grpc.health.v1.Health/Check"])
async def test_a_request_that_dribbles_in_is_refused_in_time(gateway_config: Configs, path: str) -> None:
    whole = framed(request())
    async with limited(gateway_config, request_s=SOON_S) as gateway, connected(gateway.address) as raw:
        await raw.call(1, path)
        for byte in whole[:20]:
            await raw.send(DATA, 0, 1, bytes([byte]))
        assert await raw.status() == ("4", "the request did not arrive in time")
        assert gateway.assembly.gate.calls == 0


async def test_one_that_reads_nothing_and_answers_no_ping_is_hung_up_on(
    gateway_config: Configs, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=1)]
    async with (
        limited(gateway_config, ping_s=SOON_S, ping_answer_s=SOON_S) as gateway,
        connected(gateway.address) as raw,
    ):
        await raw.call(1, STREAM)
        await raw.send(DATA, END_STREAM, 1, framed(request()))
        await upstream.holding.wait()
        await upstream.disconnected.wait()  # the answer ended with the connection of who asked for it


async def test_one_that_pings_all_the_time_is_told_to_calm_down(gateway_config: Configs) -> None:
    async with limited(gateway_config) as gateway, connected(gateway.address) as raw:
        await raw.send(PING, 0, 0, bytes(8), times=6)
        farewell = await raw.until(GOAWAY)
        assert farewell is not None
        assert int.from_bytes(farewell[3][4:8]) == ENHANCE_YOUR_CALM
        assert farewell[3][8:] == b"too_many_pings"


async def test_a_connection_that_is_old_ends_after_its_calls(
    gateway_config: Configs, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=1)]
    async with limited(gateway_config, age_s=SOON_S) as gateway:
        async with connected(gateway.address) as raw:
            assert await raw.until(GOAWAY) is not None
        async with AsyncGateway(gateway.address, api_key=KEY, model="small") as client, asyncio.timeout(HANG_S):
            stream = client.stream("Wait.")
            await anext(stream)
            async with connected(gateway.address) as later:  # younger than the stream's, and told to go already
                assert await later.until(GOAWAY) is not None
            upstream.release.set()
            assert isinstance([event async for event in stream][-1], Completed)


async def test_more_calls_than_a_connection_may_have_are_refused(
    gateway_config: Configs, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=1)]
    async with limited(gateway_config, streams=2) as gateway, connected(gateway.address) as raw:
        settings = await raw.until(SETTINGS)
        assert settings is not None
        told = dict(struct.iter_unpack(">HI", settings[3]))
        assert told[3] == 2  # SETTINGS_MAX_CONCURRENT_STREAMS
        await raw.send(SETTINGS, 1, 0)
        for stream in 1, 3, 5:
            await raw.call(stream, STREAM)
        refused = await raw.until(RST_STREAM, GOAWAY)
        assert refused is not None
        assert refused[2] in (0, 5)


async def test_metadata_has_a_bound_in_size_and_so_in_number(gateway: GatewayServer) -> None:
    async with AsyncGateway(gateway.address, api_key=KEY) as client:
        assert await client.models()
    async with grpc.aio.insecure_channel(gateway.address) as channel, asyncio.timeout(HANG_S):
        stub: Any = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        for many in (
            [("big", "x" * METADATA_BYTES)],
            [(f"k{number}", "") for number in range(METADATA_BYTES // 32)],
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.ListModels(
                    gateway_service_pb2.ListModelsRequest(),
                    metadata=(("authorization", f"Bearer {KEY}"), *many),
                )
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


NESTED = b"\x0b" * 30_000
"""Groups in groups, which no message of ours has."""


@pytest.mark.parametrize("body", [b"\xff", NESTED, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff"])
@pytest.mark.parametrize("path", [GENERATE, STREAM])
async def test_what_is_no_message_is_refused_without_a_trace_of_it(
    gateway: GatewayServer, caplog: pytest.LogCaptureFixture, path: str, body: bytes
) -> None:
    async with connected(gateway.address) as raw:
        await raw.call(1, path)
        message = framed(body)
        for start in range(0, len(message), 2**14):
            await raw.send(DATA, 0, 1, message[start : start + 2**14])
        await raw.send(DATA, END_STREAM, 1)
        assert await raw.status() == ("3", "the request is not the message that the method takes")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_call_without_a_request_is_refused(gateway: GatewayServer) -> None:
    async with connected(gateway.address) as raw:
        await raw.call(1)
        await raw.send(DATA, END_STREAM, 1)
        assert await raw.status() == ("3", "the call has no request")


async def test_a_message_that_says_it_is_longer_than_may_be_is_not_waited_for(gateway: GatewayServer) -> None:
    async with connected(gateway.address) as raw:
        await raw.call(1)
        await raw.send(DATA, 0, 1, b"\0" + struct.pack(">I", 2**31))
        code, _ = await raw.status()
        assert code == "8"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", bytes(4096)])
async def test_what_is_not_http2_ends_the_connection_and_nothing_else(gateway: GatewayServer, garbage: bytes) -> None:
    async with connected(gateway.address, greeting=False) as raw:
        raw._writer.write(garbage)
        while await raw.frame() is not None:
            pass
    async with AsyncGateway(gateway.address, api_key=KEY) as client:
        assert await client.models()
