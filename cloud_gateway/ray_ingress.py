"""What stands before Ray Serve's gRPC proxy: it adds what the proxy does not pass on, and says its errors in our words.

The proxy finds `add_gateway` and `add_health` by their names, in `grpc_options.grpc_servicer_functions`. Behind them
it calls a replica of `ray_app`, through Ray. Three things are lost on that way, and brought over here:

- the caller's deadline: a replica sees the metadata alone, so the time that remains goes with it;
- the details of a status, which go no way but beside a message: a replica that refuses a stream sends an empty one
  with them, and it ends here;
- the reason of an error that Serve itself made, by which a caller knows whether to ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Protocol

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from orchestrator.errors import CloudError, CloudTimeout, CloudUnavailable
from orchestrator.v1 import gateway_service_pb2_grpc
from orchestrator.wire import status

REMAINING_KEY: Final = "edgewise-remaining-s"
"""Metadata from the proxy to a replica: seconds until the caller's deadline."""
APPLICATION: Final = "gateway"
"""What the application has to be called: Serve's proxy may have others, as that of a model server."""
_APPLICATION_KEY: Final = "application"
"""Where Serve's proxy looks for the application that is called."""
_OURS: Final = (REMAINING_KEY, _APPLICATION_KEY)
"""What a caller sends under these names is dropped."""
_RETRY_AFTER_S: Final = 0.2
"""What a caller is told to wait for where a replica went away: another one answers, or soon will."""
_ENDED: Final = (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED)
if TYPE_CHECKING:  # generic in their stubs alone
    _Handler = grpc.RpcMethodHandler[Any, Any]
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _Handler, _GenericHandler = grpc.RpcMethodHandler, grpc.GenericRpcHandler


class Registry(Protocol):
    """The part of a server to which methods are added."""

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Serve's own server puts its way to the replicas in the place of each method."""


def add_gateway(servicer: Any, server: Registry) -> None:
    """Add `orchestrator.v1.GatewayService` to Serve's gRPC proxy."""
    gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(servicer, _Registrar(server))  # type: ignore[arg-type]


def add_health(servicer: Any, server: Registry) -> None:
    """Add the standard health service to Serve's gRPC proxy. A replica answers: it knows how the model servers are."""
    health_pb2_grpc.add_HealthServicer_to_server(servicer, _Registrar(server))


class _Registrar:
    """Takes the methods that generated code adds, and puts a `_Front` before them."""

    def __init__(self, server: Registry) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Nothing: the same methods come to `add_registered_method_handlers`, by their names."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, _Handler]) -> None:
        named = {f"/{service_name}/{name}": handler for name, handler in method_handlers.items()}
        self._server.add_generic_rpc_handlers((_Front(named),))


class _Front(_GenericHandler):
    """The methods of a service, as gRPC calls them."""

    def __init__(self, handlers: Mapping[str, _Handler]) -> None:
        self._method_handlers = handlers
        """Serve looks for this very name, and replaces each method in it."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> _Handler | None:
        handler = self._method_handlers.get(handler_call_details.method)
        if handler is None:
            return None
        # Serve's side of these methods gives bytes: there is nothing to serialise.
        decode = handler.request_deserializer
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream), request_deserializer=decode)
        return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary), request_deserializer=decode)


def _unary(inner: Any) -> Any:
    async def fronted(request: Any, context: Any) -> bytes:
        told = _Told(context)
        answer: bytes = await inner(request, told)
        told.pass_on()
        return answer

    return fronted


def _stream(inner: Any) -> Any:
    async def fronted(request: Any, context: Any) -> None:
        told = _Told(context)
        async with aclosing(inner(request, told)) as messages:
            async for message in messages:
                if message:
                    await context.write(message)
        told.pass_on()

    return fronted


class _Told:
    """A call's context as Serve sees it: with the deadline in its metadata; what Serve says of the end is kept here."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._code = grpc.StatusCode.OK
        self._message = ""
        self._trailing: tuple[tuple[str, str | bytes], ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def invocation_metadata(self) -> list[tuple[str, str | bytes]]:
        metadata = [pair for pair in self._context.invocation_metadata() or () if pair[0] not in _OURS]
        metadata.append((_APPLICATION_KEY, APPLICATION))
        remaining_s = self._context.time_remaining()
        if remaining_s is not None:
            metadata.append((REMAINING_KEY, f"{remaining_s:.3f}"))
        return metadata

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._trailing

    def code(self) -> Any:
        """0 stands for none yet, as in gRPC's own context."""
        return 0 if self._code is grpc.StatusCode.OK else self._code

    def details(self) -> str:
        return self._message

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._message = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._trailing = tuple(trailing_metadata)

    def pass_on(self) -> None:
        """Tell gRPC how the call ended."""
        if self._code in _ENDED or any(key == status.DETAILS_KEY for key, _ in self._trailing):
            code, message, trailing = self._code, self._message, self._trailing
        else:
            code, message, trailing = status.encode(_serves(self._code))
        self._context.set_code(code)
        self._context.set_details(message)
        self._context.set_trailing_metadata(trailing)


def _serves(code: grpc.StatusCode) -> CloudError:
    """What a status of Serve's own means to a caller. A replica gives every error of its own with details."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CloudTimeout("the answer was not complete at the deadline", remedy="allow more time")
    return CloudUnavailable(
        "no replica of the gateway could answer, or the one that did went away",
        remedy="ask again with the same request id: nothing is billed twice",
        retry_after_s=_RETRY_AFTER_S,
        resumable=True,
    )
