"""A gateway for tests of what calls one: a real gRPC server on this machine that answers as it was told.

    with FakeGateway(FakeReply(pieces=("Bees", " make", " honey."))) as fake:
        with Gateway(fake.target, model="any") as gateway:
            assert gateway.generate("What do bees make?").text == "Bees make honey."
    assert fake.requests[0].chat.messages[-1].text == "What do bees make?"

In async code: `async with FakeGateway(…) as fake`. It keeps the contract of the wire: request ids that are known,
cursors, cancelled answers, typed errors with their details. What passes with it fails with a gateway only for the
gateway's own reasons.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Self

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from orchestrator.accounts import WindowUsage
from orchestrator.blocking import EventLoopThread
from orchestrator.chat import Chat, Price, ServedModel
from orchestrator.client.channel import SERVICE
from orchestrator.errors import CloudNotFound, CloudUnauthenticated, EdgewiseError
from orchestrator.types import Completed, FinishReason, ModelEvent, Started, TextDelta, Usage
from orchestrator.units import NO_ENERGY, Energy
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import answers, requests, status
from orchestrator.wire.usage import encode_usage

_BEES: Final = ("Bees", " make", " honey", ".")
_MODELS: Final = (ServedModel(name="fake", context_tokens=4096, price=Price(0, 0)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReply:
    """What the fake does with one request id. Each piece counts as one token."""

    pieces: Sequence[str] = _BEES
    finish_reason: FinishReason = FinishReason.STOP
    prompt_tokens: int = 4
    usd: float = 0.0
    cloud_energy: Energy = NO_ENERGY
    receipt: bool = True
    """Without it the stream ends behind its last piece, as through a proxy that gave up."""
    before_ms: float = 0.0
    """Real milliseconds before the first piece."""
    between_ms: float = 0.0
    """And between two."""
    fault: EdgewiseError | grpc.StatusCode | None = None
    """Ends the answer in the place of the piece after the first `fault_after`: with all details, or as a bare status,
    as proxies and gRPC itself make them. The answer is not kept: who asks again gets the next reply."""
    fault_after: int = 0
    breaks: Sequence[int] = ()
    """The connection is lost behind so many pieces; one number for each call of the stream. The answer is kept."""
    forgets: bool = False
    """Do not keep the answer: a stream cannot be resumed, and a repeated id is a new question."""
    hold_after: int | None = None
    """Behind so many pieces, wait for `FakeGateway.release`."""
    cursors: bool = True
    """False: as a gateway that knows nothing of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRequest:
    """A question as it arrived."""

    method: str
    """`Generate` or `StreamGenerate`."""
    request_id: str
    chat: Chat
    resume_from: int
    api_key: str | None
    timeout_s: float | None
    """What was left of the caller's time."""


class FakeGateway(gateway_service_pb2_grpc.GatewayServiceServicer):
    """A gateway that plays replies: the first for the first request id, the last for all that come after."""

    def __init__(
        self, *replies: FakeReply, models: Sequence[ServedModel] = _MODELS, api_key: str | None = None
    ) -> None:
        """`models` is what it lists; it answers for any model. With `api_key` it refuses every other."""
        self.replies = list(replies) or [FakeReply()]
        """May be changed while it runs."""
        self.requests: list[FakeRequest] = []
        """Every question, in order; each try and each resumption is one."""
        self.cancelled: list[str] = []
        """The ids that were given up."""
        self.usage: Sequence[WindowUsage] = ()
        """What it says that the key has used."""
        self._models = models
        self._api_key = api_key
        self._begun = 0
        self._kept: dict[str, tuple[FakeReply, int]] = {}
        self._server: grpc.aio.Server | None = None
        self._port = 0
        self._thread: EventLoopThread | None = None
        self._released: asyncio.Event | None = None
        self.holding: asyncio.Event
        """Set when a reply has come to its `hold_after`. It is there once the fake is started."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def target(self) -> str:
        """For a client. It stays the same when the fake is stopped and started again."""
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen: on a free port, and on that one for ever."""
        self._loop = asyncio.get_running_loop()
        self._released, self.holding = asyncio.Event(), asyncio.Event()
        self._server = grpc.aio.server()
        gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(self, self._server)
        serving = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs lack this module
        health_pb2_grpc.add_HealthServicer_to_server(serving, self._server)
        for name in ("", SERVICE):
            await serving.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        await self._server.start()

    async def stop(self, *, forget: bool = False) -> None:
        """Close the port and every connection; `forget` the answers, as a process that is killed does."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)
        if forget:
            self._kept.clear()

    def release(self) -> None:
        """Let go on what `hold_after` holds, now and from now on. From any thread."""
        assert self._loop is not None, "the fake is not started"
        assert self._released is not None
        self._loop.call_soon_threadsafe(self._released.set)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = EventLoopThread("edgewise-fake-gateway")
        self._thread.run(self.start)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._thread.run(self.stop)
        self._thread.close()

    # What the server calls.

    async def Generate(self, request: Any, context: Any) -> gateway_service_pb2.GenerateResponse:
        text, completed = "", None
        async with aclosing(self._answer("Generate", request, 0, context)) as events:
            async for event, _ in events:
                text += event.text if isinstance(event, TextDelta) else ""
                completed = event if isinstance(event, Completed) else completed
        assert completed is not None, "an answer as a whole has a receipt"
        return answers.encode_answer(request.chat.model, text, completed)

    async def StreamGenerate(
        self, request: Any, context: Any
    ) -> AsyncIterator[gateway_service_pb2.StreamGenerateResponse]:
        async with aclosing(self._answer("StreamGenerate", request, request.resume_from, context)) as events:
            async for event, cursor in events:
                yield answers.encode_event(event, cursor)

    async def CancelGenerate(self, request: Any, context: Any) -> gateway_service_pb2.CancelGenerateResponse:
        self.cancelled.append(request.request_id)
        self._kept.pop(request.request_id, None)
        return gateway_service_pb2.CancelGenerateResponse()

    async def ListModels(self, request: Any, context: Any) -> gateway_service_pb2.ListModelsResponse:
        await self._admit(context)
        return answers.encode_models(self._models)

    async def GetUsage(self, request: Any, context: Any) -> gateway_service_pb2.GetUsageResponse:
        await self._admit(context)
        return encode_usage(self.usage)

    # How it answers.

    async def _answer(
        self, method: str, request: Any, resume_from: int, context: Any
    ) -> AsyncGenerator[tuple[ModelEvent, int], None]:
        """Events with the cursor behind each, from `resume_from` on."""
        await self._admit(context)
        request_id, chat = requests.decode(request)
        self.requests.append(
            FakeRequest(
                method=method,
                request_id=request_id,
                chat=chat,
                resume_from=resume_from,
                api_key=_key(context),
                timeout_s=context.time_remaining(),
            )
        )
        known = self._kept.get(request_id)
        if known is None and resume_from > 0:
            await _fail(context, CloudNotFound("there is no such answer any more"))
        reply, calls = known or (self._next(), 0)
        if not reply.forgets:
            self._kept[request_id] = reply, calls + 1
        breaks_behind = reply.breaks[calls] if method == "StreamGenerate" and calls < len(reply.breaks) else None
        if resume_from == 0:
            yield Started(chat.model), 0
        place = 0
        for number in range(len(reply.pieces) + 1):
            if number == breaks_behind:
                # What gRPC says of a connection that is gone.
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            if reply.fault is not None and number == min(reply.fault_after, len(reply.pieces)):
                self._kept.pop(request_id, None)
                await _fail(context, reply.fault)
            await self._wait(reply, number)
            if number == len(reply.pieces):
                break
            piece = reply.pieces[number]
            if place + len(piece) > resume_from:
                behind = place + len(piece)
                yield TextDelta(piece[max(0, resume_from - place) :]), behind if reply.cursors else 0
            place += len(piece)
        if reply.receipt:
            usage = Usage(reply.prompt_tokens, len(reply.pieces))
            yield Completed(usage, reply.finish_reason, reply.usd, reply.cloud_energy), place if reply.cursors else 0

    def _next(self) -> FakeReply:
        self._begun += 1
        return self.replies[min(self._begun, len(self.replies)) - 1]

    async def _wait(self, reply: FakeReply, number: int) -> None:
        if reply.hold_after == number:
            assert self._released is not None
            self.holding.set()
            await self._released.wait()
        milliseconds = reply.before_ms if number == 0 else reply.between_ms
        if milliseconds > 0:
            await asyncio.sleep(milliseconds / 1000)

    async def _admit(self, context: Any) -> None:
        if self._api_key is not None and _key(context) != self._api_key:
            await _fail(context, CloudUnauthenticated("the API key is missing or wrong"))


def _key(context: Any) -> str | None:
    """The bearer token of a call."""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            return str(value).removeprefix("Bearer ")
    return None


async def _fail(context: Any, fault: EdgewiseError | grpc.StatusCode) -> None:
    if isinstance(fault, grpc.StatusCode):
        await context.abort(fault, "")
    else:
        await context.abort(*status.encode(fault))
