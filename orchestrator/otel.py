"""Traces kept by OpenTelemetry: the extra `edgewise[telemetry]`. Nothing else in `orchestrator` imports it.

Its standard variables hold here (`OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`, …),
but none of them switches it on: only an endpoint in the configuration does. A trace whose beginner decided whether it
is kept is kept, or not, by everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ConfigError
from orchestrator.tracing import NO_TRACER, NONE, Attributes, Kind, Span, Tracer

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_SCOPE: Final = "edgewise"


@asynccontextmanager
async def exporting(endpoint: str | None, service: str) -> AsyncIterator[Tracer]:
    """A tracer whose spans go to `endpoint`, from here to the end of the block; one that keeps none without it.

    Args:
        endpoint: of an OTLP collector that speaks gRPC: `http://127.0.0.1:4317`; `https` for TLS.
        service: the `service.name` of the spans, unless `OTEL_SERVICE_NAME` says another.

    Raises:
        ConfigError: the packages are not installed.
    """
    if endpoint is None:
        yield NO_TRACER
        return
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigError(
            "traces need the packages of OpenTelemetry", remedy="pip install 'edgewise[telemetry]'"
        ) from None
    ours = Resource({"service.name": service, "service.version": version("edgewise")})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    try:
        yield OpenTelemetry(provider.get_tracer(_SCOPE))
    finally:
        await asyncio.to_thread(provider.shutdown)


class OpenTelemetry:
    """A `Tracer` for an app that has OpenTelemetry: `OpenTelemetry(opentelemetry.trace.get_tracer("my-app"))`.

    A span without another parent belongs to the app's current one.
    """

    def __init__(self, tracer: trace.Tracer) -> None:
        """`tracer` makes the spans."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = tracer
        self._wire = TraceContextTextMapPropagator()

    def start(
        self,
        name: str,
        attributes: Attributes = NONE,
        *,
        kind: Kind = Kind.INTERNAL,
        headers: Mapping[str, str] = NONE,
    ) -> Span:
        """A span that begins now; see `Tracer`."""
        context = self._wire.extract(headers) if headers else None
        span = self._tracer.start_span(name, context=context, kind=_kind(kind), attributes=attributes)
        return _Traced(self._tracer, span, self._wire)


class _Traced:
    """A `Span` of OpenTelemetry's."""

    __slots__ = ("_headers", "_span", "_tracer", "_wire")

    def __init__(self, tracer: trace.Tracer, span: trace.Span, wire: TraceContextTextMapPropagator) -> None:
        self._tracer = tracer
        self._span = span
        self._wire = wire
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            self._headers = {}
            self._wire.inject(self._headers, context=self._context)
        return self._headers

    @property
    def trace_id(self) -> str:
        return f"{self._span.get_span_context().trace_id:032x}" if self._span.is_recording() else ""

    @property
    def _context(self) -> Context:
        from opentelemetry.trace import set_span_in_context

        return set_span_in_context(self._span)

    def child(self, name: str, attributes: Attributes = NONE, *, kind: Kind = Kind.INTERNAL) -> Span:
        span = self._tracer.start_span(name, context=self._context, kind=_kind(kind), attributes=attributes)
        return _Traced(self._tracer, span, self._wire)

    def set(self, attributes: Attributes) -> None:
        if self._span.is_recording():
            self._span.set_attributes(attributes)

    def event(self, name: str) -> None:
        if self._span.is_recording():
            self._span.add_event(name)

    def end(self, error: str = "") -> None:
        if not self._span.is_recording():
            return  # not a sample, or ended
        if error:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _kind(kind: Kind) -> trace.SpanKind:
    from opentelemetry.trace import SpanKind

    return SpanKind[kind.name]
