"""The gateway as blocking code sees it: `AsyncGateway` on a loop of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from orchestrator.accounts import WindowUsage
from orchestrator.blocking import BlockingStream, EventLoopThread
from orchestrator.budget.deadline import Deadline
from orchestrator.chat import Generation, ServedModel
from orchestrator.client.channel import TlsOptions
from orchestrator.client.gateway import AsyncGateway
from orchestrator.client.witness import Witness
from orchestrator.errors import InvalidRequest
from orchestrator.privacy.egress import Outbound
from orchestrator.tracing import NO_SPAN, NO_TRACER, Span, Tracer
from orchestrator.types import Message, ModelEvent, Sampling


class Gateway:
    """A gateway, for blocking code. Safe to use from many threads; arguments and errors are those of `AsyncGateway`."""

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
    ) -> None:
        """Describe the gateway; nothing is connected, and no thread started, before the first call."""
        self._gateway = AsyncGateway(
            target,
            api_key=api_key,
            model=model,
            tls=tls,
            allow_clear_text=allow_clear_text,
            timeout_ms=timeout_ms,
            resume_s=resume_s,
            spread=spread,
            witness=witness,
            tracer=tracer,
        )
        self._thread = EventLoopThread("edgewise-gateway-client")
        self._closed = False

    @property
    def target(self) -> str:
        """The address; of several, all of them with commas between."""
        return self._gateway.target

    def generate(
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
        """One answer, whole. See `AsyncGateway.generate`."""
        return self._running().run(
            lambda: self._gateway.generate(
                messages,
                model=model,
                sampling=sampling,
                prefix=prefix,
                deadline=deadline,
                timeout_ms=timeout_ms,
                request_id=request_id,
                about=about,
                span=span,
            )
        )

    def stream(
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
    ) -> BlockingStream[ModelEvent]:
        """One answer, as it is written. Closing the iterator cancels the call. See `AsyncGateway.stream`."""
        return self._running().iterate(
            lambda: self._gateway.stream(
                messages,
                model=model,
                sampling=sampling,
                prefix=prefix,
                deadline=deadline,
                timeout_ms=timeout_ms,
                request_id=request_id,
                about=about,
                span=span,
            )
        )

    def models(self, *, timeout_ms: float = 10_000) -> list[ServedModel]:
        """The models that can be asked. See `AsyncGateway.models`."""
        return self._running().run(lambda: self._gateway.models(timeout_ms=timeout_ms))

    def usage(self, *, timeout_ms: float = 10_000) -> list[WindowUsage]:
        """What the key and its tenant have used. See `AsyncGateway.usage`."""
        return self._running().run(lambda: self._gateway.usage(timeout_ms=timeout_ms))

    def ping(self, *, timeout_ms: float = 10_000) -> None:
        """Return if the gateway is up and can reach a model. See `AsyncGateway.ping`."""
        self._running().run(lambda: self._gateway.ping(timeout_ms=timeout_ms))

    def close(self) -> None:
        """Cancel what still runs, hang up, and end the thread. A second call does nothing."""
        if not self._closed:
            self._closed = True
            with suppress(InvalidRequest):  # in a child of the process that connected: there is nothing to hang up
                self._thread.run(self._gateway.aclose)
            self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> EventLoopThread:
        if self._closed:
            raise InvalidRequest(f"the client of gateway {self.target} is closed", remedy="make a new one")
        return self._thread
