"""The gateway as an async client sees it."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from orchestrator.budget.deadline import Deadline
from orchestrator.chat import Chat, Generation, ServedModel
from orchestrator.client.channel import MAX_ATTEMPTS, TlsOptions, check_target, open_channel
from orchestrator.client.witness import Outcome, Sending, Witness
from orchestrator.errors import (
    Cancelled,
    CloudError,
    CloudTimeout,
    CloudTruncated,
    CloudUnavailable,
    InvalidRequest,
)
from orchestrator.privacy.egress import Outbound, clear
from orchestrator.types import Completed, Message, ModelEvent, Sampling
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import answers, requests, status

if TYPE_CHECKING:
    from google.protobuf.message import Message as Protobuf

    from orchestrator.v1.gateway_service_pb2_grpc import GatewayServiceAsyncStub

SERVICE: Final = "orchestrator.v1.GatewayService"
_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
_FAREWELL_S: Final = 1.0


class AsyncGateway:
    """A gateway. It belongs to the event loop of its first call, and is safe to use from many tasks of that loop.

    Every failure is a `CloudError` that names the target and a remedy; calls that failed before anything was answered
    were already retried (see `channel.SERVICE_CONFIG`). What the caller got wrong is an `InvalidRequest`, and text
    that may not leave the device an `EgressRefused`, both before anything is sent.
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        tls: TlsOptions | None = None,
        allow_clear_text: bool = False,
        timeout_ms: float | None = 120_000,
        witness: Witness | None = None,
    ) -> None:
        """Describe the gateway; nothing is connected yet.

        Args:
            target: `host:port`, or any target that gRPC resolves.
            api_key: as `edgewise-gateway keys create` printed it.
            model: what to ask for where a call names no model.
            tls: TLS options; None for clear text.
            allow_clear_text: allow the key to cross a network in clear text.
            timeout_ms: milliseconds for an answer where a call brings no deadline; None waits for ever.
            witness: is told of every call before its bytes leave.

        Raises:
            ConfigError: the target is no address, or the key would travel in clear text.
        """
        check_target(target, api_key=api_key, tls=tls, allow_clear_text=allow_clear_text)
        self.target = target
        self._api_key = api_key
        self._model = model
        self._tls = tls
        self._timeout_ms = timeout_ms
        self._witness = witness
        self._channel: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def generate(
        self,
        messages: str | Sequence[Message] | Outbound,
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        prefix: str = "",
        deadline: Deadline | None = None,
        timeout_ms: float | None = None,
        request_id: str | None = None,
        about: object = None,
    ) -> Generation:
        """One answer, whole.

        Args:
            messages: a question, a conversation whose last message is the user's, or what was cleared to leave already:
                it holds its own prefix.
            model: a name that `models` lists.
            sampling: how tokens are chosen; greedy unless it says otherwise.
            prefix: the beginning of the answer, already shown; the answer goes on behind it and does not repeat it.
            deadline: when the answer is of no more use. It becomes the deadline of the call.
            timeout_ms: the same, as milliseconds from now; the sooner of the two counts.
            request_id: repeating a call with the same id gives the same answer and is billed once.
            about: what the witness is told of the call beside what is sent.

        Raises:
            InvalidRequest, EgressRefused, CloudError: see the class.
        """
        request = requests.encode_generate(_new_id(request_id), self._chat(messages, model, sampling, prefix))
        async with self._witnessed(f"/{SERVICE}/Generate", request, about):
            timeout_s = self._timeout_s(deadline, timeout_ms)
            reply = await self._stub().Generate(request, timeout=timeout_s, metadata=self._metadata())
        return answers.decode_answer(reply)

    async def stream(
        self,
        messages: str | Sequence[Message] | Outbound,
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        prefix: str = "",
        deadline: Deadline | None = None,
        timeout_ms: float | None = None,
        request_id: str | None = None,
        about: object = None,
    ) -> AsyncGenerator[ModelEvent, None]:
        """One answer, as it is written: `Started`, any number of `TextDelta`, and `Completed` at last.

        Closing the generator cancels the call, down to the model. Arguments are those of `generate`.

        Raises:
            CloudTruncated: the stream ended without its receipt.
            CloudUnavailable: the connection was lost; what was yielded before it stands.
            InvalidRequest, EgressRefused, CloudError: see the class.
        """
        request = requests.encode_stream(_new_id(request_id), self._chat(messages, model, sampling, prefix))
        async with self._witnessed(f"/{SERVICE}/StreamGenerate", request, about):
            timeout_s = self._timeout_s(deadline, timeout_ms)
            call = self._stub().StreamGenerate(request, timeout=timeout_s, metadata=self._metadata())
            try:
                incoming = aiter(call)
                async for message in incoming:
                    event = answers.decode_event(message)
                    if event is not None:
                        yield event
                    if isinstance(event, Completed):
                        await _farewell(incoming)
                        return
            finally:
                call.cancel()
            raise CloudTruncated(
                f"gateway {self.target}: the stream ended without its receipt",
                remedy="what came is only a part of the answer: ask again with the same request id",
            )

    async def models(self, *, timeout_ms: float = 10_000) -> list[ServedModel]:
        """The models that can be asked, with their windows and prices.

        Raises:
            CloudError: see the class.
        """
        request = gateway_service_pb2.ListModelsRequest()
        async with self._witnessed(f"/{SERVICE}/ListModels", request):
            reply = await self._stub().ListModels(request, timeout=timeout_ms / 1000, metadata=self._metadata())
        return answers.decode_models(reply)

    async def ping(self, *, timeout_ms: float = 10_000) -> None:
        """Return if the gateway is up and can reach a model. Needs no key.

        Raises:
            CloudUnavailable: it is not up, or it is and can reach no model.
            CloudError: see the class.
        """
        stub = health_pb2_grpc.HealthStub(self._open())
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        async with self._witnessed(_HEALTH_CHECK, request):
            reply = await stub.Check(request, timeout=timeout_ms / 1000)
        if reply.status != health_pb2.HealthCheckResponse.SERVING:
            raise CloudUnavailable(
                f"gateway {self.target}: it is up, but it can reach no model server, or is stopping",
                remedy="check the model server behind it; the gateway's log has the cause",
            )

    async def aclose(self) -> None:
        """Cancel what still runs, and hang up. A second call does nothing."""
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _chat(
        self, messages: str | Sequence[Message] | Outbound, model: str | None, sampling: Sampling | None, prefix: str
    ) -> Chat:
        turns = (Message("user", messages),) if isinstance(messages, str) else messages
        outbound = turns if isinstance(turns, Outbound) else clear(turns, prefix=prefix).outbound
        chosen = model or self._model
        if chosen is None:
            raise InvalidRequest("no model is named", remedy="pass model=…; `models()` lists what the gateway offers")
        return Chat(model=chosen, messages=outbound.messages, sampling=sampling or Sampling(), prefix=outbound.prefix)

    def _timeout_s(self, deadline: Deadline | None, timeout_ms: float | None) -> float | None:
        if deadline is None and timeout_ms is None:
            timeout_ms = self._timeout_ms
        timeout_s = min(
            math.inf if timeout_ms is None else timeout_ms / 1000,
            math.inf if deadline is None else deadline.remaining_s,
        )
        if timeout_s <= 0:
            raise CloudTimeout(f"gateway {self.target}: no time was left to ask", remedy="allow more time")
        return None if math.isinf(timeout_s) else timeout_s

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """The key, where the channel's credentials do not carry it: gRPC allows those over TLS alone."""
        if self._api_key is None or self._tls is not None:
            return ()
        return (("authorization", f"Bearer {self._api_key}"),)

    def _stub(self) -> GatewayServiceAsyncStub:
        return gateway_service_pb2_grpc.GatewayServiceStub(self._open())

    def _open(self) -> grpc.aio.Channel:
        if self._closed:
            raise InvalidRequest(f"the client of gateway {self.target} is closed", remedy="make a new one")
        loop = asyncio.get_running_loop()
        if self._channel is None:
            self._channel = open_channel(self.target, api_key=self._api_key, tls=self._tls)
            self._loop = loop
        if self._loop is not loop:
            raise InvalidRequest(
                f"the client of gateway {self.target} belongs to another event loop",
                remedy="make one in each loop, or use the blocking Gateway",
            )
        return self._channel

    @asynccontextmanager
    async def _witnessed(self, method: str, request: Protobuf, about: object = None) -> AsyncIterator[None]:
        """A call, of which the witness is told before and after; what goes wrong in it is one of our errors."""
        if self._witness is None:
            with self._failures():
                yield
            return
        number = await self._witness.leaving(self._sending(method, request, about))
        outcome, error_type = Outcome.CANCELLED, ""
        try:
            with self._failures():
                yield
            outcome = Outcome.ANSWERED
        except CloudError as error:
            outcome, error_type = Outcome.FAILED, error.type
            raise
        finally:
            self._witness.ended(number, outcome, error_type)

    def _sending(self, method: str, request: Protobuf, about: object) -> Sending:
        keyed = self._api_key is not None and (self._tls is not None or method != _HEALTH_CHECK)
        return Sending(
            target=self.target,
            method=method,
            body=request.SerializeToString(),
            metadata=(("authorization", "(the key)"),) if keyed else (),
            attempts=MAX_ATTEMPTS if method.startswith(f"/{SERVICE}/") else 1,
            about=about,
        )

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """What went wrong in a call, as one of our errors."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            # The stubs know only the pairs of blocking gRPC, which have names.
            metadata = cast(Iterable[tuple[str, str | bytes]], error.trailing_metadata() or ())
            raise status.decode(error.code(), error.details(), metadata, target=self.target) from None
        except asyncio.CancelledError:
            # gRPC speaks so also when `aclose` took the call down. Only a task that was cancelled itself may end so.
            task = asyncio.current_task()
            if self._closed and (task is None or not task.cancelling()):
                raise Cancelled(f"the client of gateway {self.target} was closed during the call") from None
            raise


async def _farewell(incoming: AsyncIterator[object]) -> None:
    """Let a call that has given its receipt end by itself, so that no gateway sees it cancelled. It has a moment."""
    with suppress(grpc.aio.AioRpcError, TimeoutError):
        async with asyncio.timeout(_FAREWELL_S):
            await anext(incoming, None)


def _new_id(request_id: str | None) -> str:
    return uuid.uuid4().hex if request_id is None else request_id
