"""Reflection and channelz: there where they were asked for, and for those with a key."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import GatewayServer, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
BUF = Path(sys.executable).with_name("buf")


@pytest.fixture
async def open_gateway(gateway_config: Callable[..., GatewayConfig], api_key: str) -> AsyncIterator[GatewayServer]:
    config = gateway_config(debug={"reflection": True, "channelz": True})
    async with running(config, environment={"TEST_KEY": api_key}) as server:
        yield server


async def services(address: str, *metadata: tuple[str, str]) -> set[str]:
    async with grpc.aio.insecure_channel(address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(metadata=metadata)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.done_writing()
        return {one.name async for reply in call for one in reply.list_services_response.service}


async def sockets(address: str, *metadata: tuple[str, str]) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        reply = await stub.GetServers(channelz_pb2.GetServersRequest(), metadata=metadata)
        return sum(len(server.listen_socket) for server in reply.server)


async def test_they_answer_where_they_were_asked_for(open_gateway: GatewayServer, api_key: str) -> None:
    key = ("authorization", f"Bearer {api_key}")
    assert "orchestrator.v1.GatewayService" in await services(open_gateway.address, key)
    assert await sockets(open_gateway.address, key) >= 1


@pytest.mark.parametrize("ask", [services, sockets])
async def test_nobody_without_a_key(open_gateway: GatewayServer, ask: Callable[[str], object]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(open_gateway.address)  # type: ignore[misc]
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("ask", [services, sockets])
async def test_they_are_off_by_default(gateway: GatewayServer, api_key: str, ask: Callable[..., object]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(gateway.address, ("authorization", f"Bearer {api_key}"))  # type: ignore[misc]
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_buf_curl_needs_no_protos(open_gateway: GatewayServer, api_key: str) -> None:
    key = f"authorization: Bearer {api_key}"
    command = [str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-header", key]
    process = await asyncio.create_subprocess_exec(
        *command, "--list-methods", f"http://{open_gateway.address}", stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert "orchestrator.v1.GatewayService/StreamGenerate" in told.decode()
