"""Before Serve's proxy, without Ray: what it adds to a call, and what it makes of every end of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import grpc
import grpc.aio
import pytest

from cloud_gateway.ray_ingress import APPLICATION, REMAINING_KEY, add_gateway
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed, FinishReason, TextDelta, Usage
from orchestrator.wire import answers, status

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
RECEIPT = Completed(Usage(3, 1), FinishReason.STOP)
REFUSED = errors.CloudRateLimited("over the quota", remedy="wait", retry_after_s=7)


class Serve:
    """Puts its own way in the place of each method, as Serve's server does: `way` gives the bytes."""

    def __init__(self, server: grpc.aio.Server, way: Callable[[Any, Any], AsyncIterator[bytes]]) -> None:
        self._server = server
        self._way = way

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        (handler,) = generic_rpc_handlers
        handler._method_handlers = {
            name: method._replace(response_serializer=None, unary_unary=self._unary, unary_stream=self._way)
            for name, method in handler._method_handlers.items()
        }
        self._server.add_generic_rpc_handlers(generic_rpc_handlers)

    async def _unary(self, request: Any, context: Any) -> bytes:
        return b"".join([message async for message in self._way(request, context)])


@asynccontextmanager
async def client_of(way: Callable[[Any, Any], AsyncIterator[bytes]]) -> AsyncIterator[AsyncGateway]:
    server = grpc.aio.server()
    add_gateway(Mock(), Serve(server, way))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with AsyncGateway(f"127.0.0.1:{port}", api_key="key", model="small") as client:
            yield client
    finally:
        await server.stop(0)


async def test_a_replica_learns_the_callers_deadline_and_the_application_is_ours() -> None:
    seen: dict[str, str] = {}

    async def way(request: Any, context: Any) -> AsyncIterator[bytes]:
        seen.update(context.invocation_metadata())
        assert context.peer()
        yield answers.encode_answer("small", "Honey.", RECEIPT).SerializeToString()

    async with client_of(way) as client:
        assert (await client.generate("hi", timeout_ms=30_000)).text == "Honey."
    assert seen["application"] == APPLICATION
    assert 25 < float(seen[REMAINING_KEY]) <= 30
    assert seen["authorization"] == "Bearer key"


async def test_the_empty_message_beside_a_status_ends_here() -> None:
    async def way(request: Any, context: Any) -> AsyncIterator[bytes]:
        yield answers.encode_event(TextDelta("Hon")).SerializeToString()
        code, message, trailing = status.encode(REFUSED)
        context.set_trailing_metadata([("request_id", "1"), *trailing])
        context.set_code(code)
        context.set_details(message)
        yield b""

    async with client_of(way) as client:
        events = client.stream("hi")
        assert await anext(events) == TextDelta("Hon")
        with pytest.raises(errors.CloudRateLimited, match="over the quota") as failed:
            await anext(events)
        assert failed.value.retry_after_s == 7
        with pytest.raises(errors.CloudRateLimited, match="over the quota") as failed:
            await client.generate("hi")
        assert failed.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INTERNAL, errors.CloudUnavailable),
        (grpc.StatusCode.UNAVAILABLE, errors.CloudUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.CloudUnavailable),
        (grpc.StatusCode.NOT_FOUND, errors.CloudUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.CloudTimeout),
    ],
)
async def test_serves_own_errors_say_whether_to_ask_again(code: grpc.StatusCode, kind: type[errors.CloudError]) -> None:
    async def way(request: Any, context: Any) -> AsyncIterator[bytes]:
        context.set_code(code)
        context.set_details("The actor died. Traceback: somewhere in Ray")
        return
        yield b""

    async with client_of(way) as client:
        for asked in (client.generate("hi"), anext(client.stream("hi"))):
            with pytest.raises(kind) as failed:
                await asked
            assert type(failed.value) is kind
            assert "Traceback" not in str(failed.value)
            assert (failed.value.retry_after_s is not None) == (kind is errors.CloudUnavailable)
