"""Around every call: who calls, how long it may take, what the log says, and errors as statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio

from cloud_gateway.auth import KeyRing
from cloud_gateway.call import CALL, Call
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import CloudInternal, CloudTimeout, EdgewiseError
from orchestrator.ports import Clock
from orchestrator.wire import status

_OPEN: Final = "/grpc.health.v1.Health/"
"""Load balancers ask without a key."""
_log = logging.getLogger(__name__)
_Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:  # generic in its stubs alone
    _ServerInterceptor = grpc.aio.ServerInterceptor[Any, Any]
else:
    _ServerInterceptor = grpc.aio.ServerInterceptor


class CallInterceptor(_ServerInterceptor):
    """Wraps the methods of the service; a method that is added later is behind it by itself."""

    def __init__(self, keys: KeyRing, clock: Clock, *, longest_s: float) -> None:
        """`longest_s` bounds a call whose own deadline is later or missing."""
        self._keys = keys
        self._clock = clock
        self._longest_s = longest_s

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
            async with self._call(method, request, context):
                return await inner(request, context)

        return guarded

    def _stream(self, method: str, inner: Any) -> Any:
        # It writes rather than yields: a cancelled call is then cancelled in every frame, down to the upstream.
        async def guarded(request: Any, context: _Context) -> None:
            async with self._call(method, request, context), aclosing(inner(request, context)) as messages:
                async for message in messages:
                    await context.write(message)

        return guarded

    @asynccontextmanager
    async def _call(self, method: str, request: Any, context: _Context) -> AsyncIterator[None]:
        begun_s = self._clock.monotonic()
        fields: dict[str, object] = {"method": method, "request_id": str(getattr(request, "request_id", ""))[:128]}
        error: EdgewiseError | None = None
        try:
            caller = self._keys.caller(cast(Iterable[tuple[str, str | bytes]], context.invocation_metadata() or ()))
            limit_s = self._limit_s(context)
            CALL.set(Call(caller=caller, deadline=Deadline.after(self._clock, limit_s * 1000)))
            fields["caller"] = caller.name
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError:
            error = CloudTimeout("the answer was not complete at the deadline", remedy="allow more time")
        except EdgewiseError as fault:
            error = fault
        except asyncio.CancelledError:
            self._note("cancelled", fields, begun_s)
            raise
        except Exception as fault:
            error = CloudInternal("the gateway failed", remedy="its log has the place, with this request id")
            error.__cause__ = fault
        if error is None:
            self._note("ok", fields, begun_s)
            return
        self._note(error.type, fields, begun_s, error.__cause__)
        code, message, details = status.encode(error)
        await context.abort(code, message, ((status.DETAILS_KEY, details),))

    def _limit_s(self, context: _Context) -> float:
        remaining = context.time_remaining()
        return self._longest_s if remaining is None else min(remaining, self._longest_s)

    def _note(
        self, outcome: str, fields: dict[str, object], begun_s: float, fault: BaseException | None = None
    ) -> None:
        milliseconds = round((self._clock.monotonic() - begun_s) * 1000, 3)
        fields |= {"outcome": outcome, "ms": milliseconds}
        if fault is not None:
            _log.error("call", extra={"fields": fields}, exc_info=fault)
        else:
            _log.info("call", extra={"fields": fields})
