"""The rules around every call, on gRPC's own server: errors become statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio

from cloud_gateway.rules import CallRules, Metadata
from orchestrator.errors import EdgewiseError
from orchestrator.wire import status

_OPEN: Final = "/grpc.health.v1.Health/"
"""Load balancers ask without a key."""
_Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:  # generic in its stubs alone
    _ServerInterceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _ServerInterceptor = grpc.aio.ServerInterceptor


class CallInterceptor(_ServerInterceptor):
    """Wraps the methods of the service; a method that is added later is behind it by itself."""

    def __init__(self, rules: CallRules) -> None:
        self._rules = rules

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The method's handler, wrapped."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OPEN):
            return handler
        method = handler_call_details.method.rpartition("/")[2]
        coders = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream), **coders)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), **coders)

    def _unary(self, method: str, inner: Any) -> Any:
        async def guarded(request: Any, context: _Context) -> Any:
            try:
                async with self._rules.around(method, request, _metadata(context), context.time_remaining()):
                    return await inner(request, context)
            except EdgewiseError as error:
                await _refuse(context, error)

        return guarded

    def _stream(self, method: str, inner: Any) -> Any:
        # It writes rather than yields: a cancelled call is then cancelled in every frame, down to the upstream.
        async def guarded(request: Any, context: _Context) -> None:
            try:
                async with (
                    self._rules.around(method, request, _metadata(context), context.time_remaining()),
                    aclosing(inner(request, context)) as messages,
                ):
                    async for message in messages:
                        await _write(context, message)
            except EdgewiseError as error:
                await _refuse(context, error)

        return guarded


def _metadata(context: _Context) -> Metadata:
    return cast(Metadata, context.invocation_metadata() or ())


async def _write(context: _Context, message: Any) -> None:
    """Send a message once there is room for it: a caller who reads slowly is waited for here.

    Raises:
        asyncio.CancelledError: the caller went away meanwhile.
    """
    try:
        await context.write(message)
    except grpc.aio.InternalError:
        raise asyncio.CancelledError("the caller went away") from None


async def _refuse(context: _Context, error: EdgewiseError) -> None:
    await context.abort(*status.encode(error))
