"""The rules around every call, on gRPC's own server: errors become statuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from cloud_gateway.rules import CallRules, Metadata
from orchestrator.errors import CloudTimeout, EdgewiseError, InvalidRequest
from orchestrator.wire import status

_OPEN: Final = "/grpc.health.v1.Health/"
"""Load balancers ask without a key."""
_Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:  # generic in its stubs alone
    _ServerInterceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _ServerInterceptor = grpc.aio.ServerInterceptor


class CallInterceptor(_ServerInterceptor):
    """Wraps the methods of the service; a method that is added later is behind it by itself.

    gRPC would wait for a request as long as its sender likes. Here the handlers read it themselves, so that it has to
    arrive in time.
    """

    def __init__(self, rules: CallRules, *, arrival_s: float) -> None:
        """`arrival_s` is how long a request may take to arrive."""
        self._rules = rules
        self._arrival_s = arrival_s
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._refusals: dict[tuple[str, float | None], tuple[grpc.StatusCode, str, status.Trailers]] = {}
        """Those of the door, which has few different ones."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The method's handler, wrapped; once, for a server's methods stay the same."""
        path = handler_call_details.method
        wrapped = self._wrapped.get(path)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return handler
            wrapped = self._wrapped[path] = self._wrap(path, handler)
        return wrapped

    def _wrap(self, path: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        method = None if path.startswith(_OPEN) else path.rpartition("/")[2]
        coders = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(self._dialogue(method, handler.stream_stream), **coders)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.unary_stream), **coders)
        return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.unary_unary), **coders)

    def _unary(self, method: str | None, inner: Any) -> Any:
        async def guarded(_: Any, context: _Context) -> Any:
            await self._door(method, context)
            try:
                request = await self._request(context)
                async with self._around(method, request, context):
                    return await inner(request, context)
            except EdgewiseError as error:
                await _refuse(context, error)

        return guarded

    def _stream(self, method: str | None, inner: Any) -> Any:
        # It writes rather than yields: a cancelled call is then cancelled in every frame, down to the upstream.
        async def guarded(_: Any, context: _Context) -> None:
            await self._door(method, context)
            try:
                request = await self._request(context)
                async with self._around(method, request, context):
                    answer = inner(request, context)
                    if method is None:  # the health service writes by itself
                        await answer
                        return
                    async with aclosing(answer) as messages:
                        async for message in messages:
                            await _write(context, message)
            except EdgewiseError as error:
                await _refuse(context, error)

        return guarded

    def _dialogue(self, method: str | None, inner: Any) -> Any:
        async def guarded(_: Any, context: _Context) -> None:
            await self._door(method, context)
            try:
                first = await self._request(context)
                async with (
                    self._around(method, first, context),
                    aclosing(inner(_requests(first, context), context)) as messages,
                ):
                    async for message in messages:
                        await _write(context, message)
            except EdgewiseError as error:
                await _refuse(context, error)

        return guarded

    async def _door(self, method: str | None, context: _Context) -> None:
        """End a call that may not come in now. Under load most may not, so this costs little more than gRPC itself: no
        request is read, and a status is made once."""
        if method is None:
            return
        refused = self._rules.refusal(method, _metadata(context), lambda: _certified_names(context))
        if refused is not None:
            key = (refused.message, refused.retry_after_s)
            if (made := self._refusals.get(key)) is None:
                made = self._refusals[key] = status.encode(refused)
            await context.abort(*made)

    def _around(self, method: str | None, request: Any, context: _Context) -> AbstractAsyncContextManager[None]:
        if method is None:
            return nullcontext()
        return self._rules.around(
            method, request, _metadata(context), context.time_remaining(), lambda: _certified_names(context)
        )

    async def _request(self, context: _Context) -> Any:
        """The one message of a call.

        Raises:
            InvalidRequest: it is not what the method takes, or there is none.
            CloudTimeout: it did not arrive in time.
        """
        try:
            async with asyncio.timeout(self._arrival_s):
                request = await context.read()
        except TimeoutError:
            raise CloudTimeout("the request did not arrive in time", remedy="send it at once") from None
        except DecodeError:
            # The cause is kept out: it may quote the request.
            raise InvalidRequest("the request is not the message that the method takes") from None
        if request is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
            raise InvalidRequest("the call has no request")
        return request


def _metadata(context: _Context) -> Metadata:
    return cast(Metadata, context.invocation_metadata() or ())


def _certified_names(context: _Context) -> list[str]:
    """The names (SAN) in the certificate that the connection began with, which its authority has signed."""
    names = context.auth_context().get("x509_subject_alternative_name", ())
    return [name.decode(errors="replace") for name in names]


async def _write(context: _Context, message: Any) -> None:
    """Send a message once there is room for it: a caller who reads slowly is waited for here.

    Raises:
        asyncio.CancelledError: the caller went away meanwhile.
    """
    try:
        await context.write(message)
    except grpc.aio.InternalError:
        raise asyncio.CancelledError("the caller went away") from None


async def _requests(first: Any, context: _Context) -> AsyncIterator[Any]:
    """All messages of a call."""
    message = first
    while message is not grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
        yield message
        message = await context.read()


async def _refuse(context: _Context, error: EdgewiseError) -> None:
    await context.abort(*status.encode(error))
