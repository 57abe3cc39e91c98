"""The rules around every call, whatever carries it: who calls, how long it may take, what the log says, one error.

gRPC's own server keeps them through `interceptors`, Ray Serve through `ray_app`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.message import Message

from cloud_gateway.admission.gate import Gate
from cloud_gateway.auth import KeyRing
from cloud_gateway.call import CALL, Call, Caller
from cloud_gateway.telemetry.metrics import Metrics
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import CloudInternal, CloudTimeout, CloudUnauthenticated, CloudUnavailable, EdgewiseError
from orchestrator.ports import Clock
from orchestrator.tracing import NO_SPAN, NO_TRACER, Kind, Span, Tracer

_ALWAYS: Final = ("CancelGenerate",)
"""What is let in even when nothing else is: it makes room."""
_SERVICE: Final = "orchestrator.v1.GatewayService"
_TRACE: Final = ("traceparent", "tracestate")
_LATE_S: Final = 1.0
"""What those are told to wait whose deadline came while the process itself was late."""
Metadata = Iterable[tuple[str, str | bytes]]
_log = logging.getLogger(__name__)


class CallRules:
    """Wraps calls. It knows nothing of gRPC."""

    def __init__(
        self, keys: KeyRing, gate: Gate, metrics: Metrics, tracer: Tracer, clock: Clock, *, longest_s: float
    ) -> None:
        """`longest_s` bounds a call whose own deadline is later or missing."""
        self._keys = keys
        self._gate = gate
        self._metrics = metrics
        self._tracer = tracer
        self._clock = clock
        self._longest_s = longest_s

    def configure(self, keys: KeyRing, *, longest_s: float) -> None:
        """Take other rules over, for calls to come."""
        self._keys = keys
        self._longest_s = longest_s

    def refusal(
        self, method: str, metadata: Metadata, names: Callable[[], Iterable[str]] = tuple
    ) -> CloudUnavailable | None:
        """Why a call is refused before its request is read; None where it is to be read. Arguments are as of `around`,
        which decides about the others.
        """
        if method in _ALWAYS or not self._gate.sheds:
            return None
        try:
            caller = self._caller(metadata, names)
        except CloudUnauthenticated:
            return None  # nobody's call: it ends in that error, and in the log
        refused = self._gate.refusal(caller.payer, 0)
        if refused is not None:
            self._metrics.called(method, refused.type, 0.0)
        return refused

    @asynccontextmanager
    async def around(
        self,
        method: str,
        request: Message,
        metadata: Metadata,
        remaining_s: float | None,
        names: Callable[[], Iterable[str]] = tuple,
    ) -> AsyncIterator[None]:
        """The call, from its key to its line in the log. `CALL` is set inside.

        Args:
            method: its name, for the log.
            request: its message, of which the log sees the id alone, and the gate the size.
            metadata: what the caller sent along.
            remaining_s: until the caller's deadline; None where there is none.
            names: gives those in the certificate of the caller's connection. Asked where one may stand for a key.

        Raises:
            EdgewiseError: the one error that the caller gets, whatever went wrong.
            asyncio.CancelledError: the caller went away.
        """
        begun_s = self._clock.monotonic()
        fields: dict[str, object] = {"method": method, "request_id": str(getattr(request, "request_id", ""))[:128]}
        span = self._span(method, metadata)
        if span.trace_id:
            fields["trace_id"] = span.trace_id
        error: EdgewiseError | None = None
        refused: EdgewiseError | None = None
        try:
            caller = self._caller(metadata, names)
            limit_s = self._longest_s if remaining_s is None else min(remaining_s, self._longest_s)
            CALL.set(Call(caller=caller, deadline=Deadline.after(self._clock, limit_s * 1000), span=span))
            fields["caller"] = caller.name
            if method not in _ALWAYS and (refused := self._gate.refusal(caller.payer, request.ByteSize())):
                raise refused
            async with asyncio.timeout(limit_s) as bound:
                with self._gate.passing(caller.payer, request.ByteSize(), bound):
                    yield
        except TimeoutError:
            error = self._gate.parting or CloudTimeout(
                "the answer was not complete at the deadline",
                remedy="allow more time",
                retry_after_s=_LATE_S if self._gate.sheds else None,
            )
        except EdgewiseError as fault:
            error = fault
        except asyncio.CancelledError:
            self._note(method, "cancelled", fields, begun_s)
            span.end("cancelled")
            raise
        except Exception as fault:
            error = CloudInternal("the gateway failed", remedy="its log has the place, with this request id")
            error.__cause__ = fault
        span.end("" if error is None else error.type)
        if error is None:
            self._note(method, "ok", fields, begun_s)
        elif error is refused:  # a line for each would cost more than refusing does
            self._metrics.called(method, error.type, self._clock.monotonic() - begun_s)
        else:
            self._note(method, error.type, fields, begun_s, error.__cause__)
        if error is not None:
            raise error

    def _span(self, method: str, metadata: Metadata) -> Span:
        """Of a call. Its parent is what the caller sent along."""
        if self._tracer is NO_TRACER:
            return NO_SPAN
        headers = {key: value for key, value in metadata if key in _TRACE and isinstance(value, str)}
        name = f"{_SERVICE}/{method}"
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}
        return self._tracer.start(name, attributes, kind=Kind.SERVER, headers=headers)

    def _caller(self, metadata: Metadata, names: Callable[[], Iterable[str]]) -> Caller:
        return self._keys.caller(metadata, names() if self._keys.reads_certificates else ())

    def _note(
        self, method: str, outcome: str, fields: dict[str, object], begun_s: float, fault: BaseException | None = None
    ) -> None:
        took_s = self._clock.monotonic() - begun_s
        self._metrics.called(method, outcome, took_s)
        if fault is None and not _log.isEnabledFor(logging.INFO):
            return
        fields |= {"outcome": outcome, "ms": round(took_s * 1000, 3)}
        if fault is not None:
            _log.error("call", extra={"fields": fields}, exc_info=fault)
        else:
            _log.info("call", extra={"fields": fields})
