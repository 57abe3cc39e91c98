"""The gateway as an async client sees it."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from grpc_health.v1 import health_pb2, health_pb2_grpc

from orchestrator.accounts import WindowUsage
from orchestrator.budget.deadline import Deadline
from orchestrator.chat import Chat, Generation, ServedModel
from orchestrator.client.channel import SERVICE, TlsOptions, check_target
from orchestrator.client.connection import HEALTH_CHECK, Connection, Limit, stub
from orchestrator.client.replicas import Replica
from orchestrator.client.streaming import AnswerStream
from orchestrator.client.witness import Witness
from orchestrator.clock import SystemClock
from orchestrator.errors import CloudUnavailable, ConfigError, InvalidRequest
from orchestrator.ports import Clock
from orchestrator.privacy.egress import Outbound, clear
from orchestrator.tracing import NO_SPAN, NO_TRACER, Span, Tracer, spanning
from orchestrator.types import Message, ModelEvent, Sampling
from orchestrator.v1 import gateway_service_pb2
from orchestrator.wire import answers, requests
from orchestrator.wire.usage import decode_usage


class AsyncGateway:
    """A gateway, or several that answer alike. It belongs to the event loop of its first call, and is safe to use from
    many tasks of that loop.

    Every failure is a `CloudError` that names the gateway and a remedy, and says in `retry_after_s` how long to wait
    where the gateway did; calls that failed before anything was answered were already tried again (see
    `channel.SERVICE_CONFIG`), there and at the other gateways. What the caller got wrong is an `InvalidRequest`, and
    text that may not leave the device an `EgressRefused`, both before anything is sent.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        api_key: str | None = None,
        model: str | None = None,
        tls: TlsOptions | None = None,
        allow_clear_text: bool = False,
        timeout_ms: float | None = 120_000,
        resume_s: float | None = None,
        spread: bool = False,
        witness: Witness | None = None,
        tracer: Tracer = NO_TRACER,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Describe the gateway; nothing is connected yet.

        Args:
            target: `host:port`, or any target that gRPC resolves. Of several, each call goes to the one with the fewest
                under way, and those that failed of late are asked last.
            api_key: as `edgewise-gateway keys create` printed it.
            model: what to ask for where a call names no model.
            tls: TLS options; None for clear text.
            allow_clear_text: allow the key to cross a network in clear text.
            timeout_ms: milliseconds for an answer where a call brings no deadline; None waits for ever.
            resume_s: for how many seconds a stream whose connection was lost may bring nothing new before it is given
                up; None for as long as its tries take. For callers who know what else to do.
            spread: where a target's name has several addresses, keep a connection to each, ask them in turn, and leave
                out those whose health service says so. For servers with many calls; otherwise one address is drawn by
                lot, and the others wait in case it fails.
            witness: is told of every call before its bytes leave.
            tracer: keeps a span of every answer, and hands its trace on to the gateway: `orchestrator.otel` has
                OpenTelemetry.
            clock: the system's, unless a test brings its own.
            rng: draws the waits before a stream is taken up again, and what a busy gateway is not asked.

        Raises:
            ConfigError: a target is no address, or the key would travel in clear text.
        """
        targets = (target,) if isinstance(target, str) else tuple(target)
        if not targets:
            raise ConfigError("no gateway is named", remedy="give at least one host:port")
        for one in targets:
            check_target(one, api_key=api_key, tls=tls, allow_clear_text=allow_clear_text)
        self._connection = Connection(
            targets,
            api_key=api_key,
            tls=tls,
            spread=spread,
            witness=witness,
            tracer=tracer,
            clock=clock or SystemClock(),
            rng=rng or random.Random(),
        )
        self._model = model
        self._timeout_ms = timeout_ms
        self._resume_s = resume_s

    @property
    def target(self) -> str:
        """The address; of several, all of them with commas between."""
        return self._connection.target

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
        span: Span = NO_SPAN,
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
            span: what the call is a part of; without it `tracer` makes one that stands for itself.

        Raises:
            InvalidRequest, EgressRefused, CloudError: see the class.
        """
        request = requests.encode_generate(_new_id(request_id), self._chat(messages, model, sampling, prefix))
        limit = self._limit(deadline, timeout_ms)

        async def call(replica: Replica) -> gateway_service_pb2.GenerateResponse:
            return await stub(replica).Generate(request, timeout=limit.timeout_s(), metadata=metadata)

        asked = self._connection.span("Generate", span, {"gen_ai.request.model": request.chat.model})
        with spanning(asked):
            metadata = (*self._connection.metadata, *asked.headers.items())
            reply = await self._connection.ask(
                f"/{SERVICE}/Generate", request, call, limit=limit, about=about, request_id=request.request_id
            )
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
        span: Span = NO_SPAN,
    ) -> AsyncGenerator[ModelEvent, None]:
        """One answer, as it is written: `Started`, any number of `TextDelta`, and `Completed` at last.

        A connection that is lost in mid-stream is taken up where it broke, within the deadline, `resume_s` and a
        bounded number of tries; nothing is repeated, left out, or billed again. Closing the generator ends the answer,
        down to the model. Arguments are those of `generate`.

        Raises:
            CloudTruncated: the stream ended without its receipt.
            CloudUnavailable: the connection was lost, and the answer could not be taken up again; what was yielded
                before it stands.
            InvalidRequest, EgressRefused, CloudError: see the class.
        """
        request = requests.encode_stream(_new_id(request_id), self._chat(messages, model, sampling, prefix))
        limit = self._limit(deadline, timeout_ms)
        asked = self._connection.span("StreamGenerate", span, {"gen_ai.request.model": request.chat.model})
        with spanning(asked):
            stream = AnswerStream(
                self._connection, request, limit=limit, about=about, resume_s=self._resume_s, span=asked
            )
            async with aclosing(stream.events()) as events:
                async for event in events:
                    yield event

    async def models(self, *, timeout_ms: float = 10_000) -> list[ServedModel]:
        """The models that can be asked, with their windows and prices.

        Raises:
            CloudError: see the class.
        """
        request = gateway_service_pb2.ListModelsRequest()
        limit = self._limit(None, timeout_ms)

        async def call(replica: Replica) -> gateway_service_pb2.ListModelsResponse:
            return await stub(replica).ListModels(
                request, timeout=limit.timeout_s(), metadata=self._connection.metadata
            )

        return answers.decode_models(await self._connection.ask(f"/{SERVICE}/ListModels", request, call, limit=limit))

    async def usage(self, *, timeout_ms: float = 10_000) -> list[WindowUsage]:
        """What the key and its tenant have used in the present windows, and what limits them.

        Raises:
            CloudError: see the class.
        """
        request = gateway_service_pb2.GetUsageRequest()
        limit = self._limit(None, timeout_ms)

        async def call(replica: Replica) -> gateway_service_pb2.GetUsageResponse:
            return await stub(replica).GetUsage(request, timeout=limit.timeout_s(), metadata=self._connection.metadata)

        return decode_usage(await self._connection.ask(f"/{SERVICE}/GetUsage", request, call, limit=limit))

    async def ping(self, *, timeout_ms: float = 10_000) -> None:
        """Return if a gateway is up and can reach a model. Needs no key.

        Raises:
            CloudUnavailable: it is not up, or it is and can reach no model.
            CloudError: see the class.
        """
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        limit = self._limit(None, timeout_ms)

        async def call(replica: Replica) -> None:
            health = health_pb2_grpc.HealthStub(replica.channel)
            reply = await health.Check(request, timeout=limit.timeout_s())
            if reply.status != health_pb2.HealthCheckResponse.SERVING:
                raise CloudUnavailable(
                    f"gateway {replica.target}: it is up, but it can reach no model server, or is stopping",
                    remedy="check the model server behind it; the gateway's log has the cause",
                )

        await self._connection.ask(HEALTH_CHECK, request, call, limit=limit)

    async def aclose(self) -> None:
        """Cancel what still runs, tell the gateway so, which has a second, and hang up. A second call does nothing."""
        await self._connection.aclose()

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

    def _limit(self, deadline: Deadline | None, timeout_ms: float | None) -> Limit:
        if deadline is None and timeout_ms is None:
            timeout_ms = self._timeout_ms
        own = Deadline.after(self._connection.clock, timeout_ms)
        return Limit(self.target, own, deadline)


def _new_id(request_id: str | None) -> str:
    return uuid.uuid4().hex if request_id is None else request_id
