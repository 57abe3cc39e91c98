"""One trace from the device's decision to the model server's last token, as a real collector receives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from benchmarks.canaries.device import configured, opened, remember
from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator.client import AsyncGateway
from orchestrator.otel import OpenTelemetry
from orchestrator.settings import TelemetrySection
from orchestrator.types import Record, Sensitivity
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
QUESTION, RECORD, ANSWER = "canary-quail asks", "canary-wren keeps", "canary-finch answers"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What an OTLP collector hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.spans: list[Span] = []
        self.address = ""

    async def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any) -> Any:
        self.heard.append(request.SerializeToString())
        for of_process in request.resource_spans:
            for scope in of_process.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Span:
        (span,) = self.named(name)
        return span


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector, server = Collector(), grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(0)


@pytest.fixture
def cloud(gateway_config: Callable[..., GatewayConfig], collector: Collector, api_key: str) -> Callable[[], Any]:
    """A gateway that tells the collector."""
    config = gateway_config(telemetry={"otlp_endpoint": collector.address})
    return lambda: running(config, environment={"TEST_KEY": api_key})


@asynccontextmanager
async def device(folder: Path, target: str, key: str, **keys: Any) -> AsyncIterator[Any]:
    config = configured(folder, target=target, key=key)
    config = config.model_copy(update={"cloud": config.cloud.model_copy(update={"model": "small"}), **keys})
    async with opened(config) as agent:
        remember(agent, [Record(kind="note", body=RECORD, source="notes", sensitivity=Sensitivity.PUBLIC)])
        yield agent


def attributes(span: Span) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in span.attributes}


async def test_a_question_is_one_trace_from_the_decision_to_the_last_token(
    tmp_path: Path, cloud: Callable[[], Any], collector: Collector, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(pieces=(ANSWER, " and", " ends."))]
    telemetry = TelemetrySection(otlp_endpoint=collector.address)
    async with cloud() as server, device(tmp_path, server.address, api_key, telemetry=telemetry) as agent:
        answer = await agent.ask(QUESTION, route="cloud")
        assert answer.route.value == "cloud"
    trace = {span.trace_id for span in collector.spans}
    ask = collector.one("ask")
    assert {ask.trace_id} == {span.trace_id for span in collector.spans if not span.name.endswith("ListModels")}
    assert len(trace) <= 2  # the terms are asked for before the question's first leg, for whoever asks next, too
    client, server_side = collector.named("orchestrator.v1.GatewayService/StreamGenerate")
    if client.kind is not Span.SPAN_KIND_CLIENT:
        client, server_side = server_side, client
    attempt = collector.one("chat vendor/small")
    parents = [(collector.one("leg cloud"), ask), (client, collector.one("leg cloud"))]
    parents += [(server_side, client), (attempt, server_side)]
    parents += [(collector.one(name), server_side) for name in ("admission", "accounts.reserve", "accounts.settle")]
    parents += [(collector.one(name), ask) for name in ("recall", "decide")]
    for span, parent in parents:
        assert span.parent_span_id == parent.span_id, (span.name, parent.name)
        assert span.start_time_unix_nano >= parent.start_time_unix_nano
    assert [event.name for event in attempt.events] == ["first_token"]
    told = attributes(attempt)
    assert told["gen_ai.usage.output_tokens"] == answer.usage.completion_tokens
    assert told["gen_ai.request.model"] == "vendor/small"
    assert attempt.end_time_unix_nano <= client.end_time_unix_nano <= ask.end_time_unix_nano
    handed_on = upstream.seen[-1].headers["traceparent"]
    assert handed_on.startswith(f"00-{ask.trace_id.hex()}-{attempt.span_id.hex()}-")
    heard = b"".join(collector.heard)
    for canary in (b"canary-quail", b"canary-wren", b"canary-finch", api_key.encode()):
        assert canary not in heard


async def test_a_device_that_is_local_only_tells_nobody(tmp_path: Path, collector: Collector, api_key: str) -> None:
    telemetry = TelemetrySection(otlp_endpoint=collector.address)
    async with device(tmp_path, "127.0.0.1:9", api_key, telemetry=telemetry, local_only=True) as agent:
        await agent.ask(QUESTION)
    assert collector.heard == []


async def test_an_error_is_seen_with_its_type_alone(
    cloud: Callable[[], Any], collector: Collector, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(status=400, body=b'{"error": {"message": "canary-finch"}}')]
    async with cloud() as server, AsyncGateway(server.address, api_key=api_key, model="small") as client:
        with pytest.raises(Exception, match="refused"):
            await client.generate(QUESTION)
    attempt = collector.one("chat vendor/small")
    assert attributes(attempt)["error.type"] == "cloud_rejected"
    assert attempt.status.code == attempt.status.STATUS_CODE_ERROR
    assert b"canary" not in b"".join(collector.heard)


async def test_an_apps_own_tracer_and_its_sampling_are_honoured(
    cloud: Callable[[], Any], collector: Collector, upstream: SimulatedUpstream, api_key: str
) -> None:
    exporter = InMemorySpanExporter()
    kept, dropped = TracerProvider(), TracerProvider(sampler=ALWAYS_OFF)
    kept.add_span_processor(SimpleSpanProcessor(exporter))
    async with cloud() as server:
        for provider in (kept, dropped):
            tracer = OpenTelemetry(provider.get_tracer("app"))
            async with AsyncGateway(server.address, api_key=api_key, model="small", tracer=tracer) as client:
                await client.generate(QUESTION)
    (span,) = exporter.get_finished_spans()
    context = span.get_span_context()
    assert context is not None
    (seen,) = collector.named("orchestrator.v1.GatewayService/Generate")
    assert seen.trace_id.hex() == f"{context.trace_id:032x}"
    flags = upstream.seen[-1].headers["traceparent"].rpartition("-")[2]
    assert not int(flags, 16) & 1


async def test_without_a_collector_nothing_is_sent_on(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    async with (
        running(gateway_config(), environment={"TEST_KEY": api_key}) as server,
        AsyncGateway(server.address, api_key=api_key, model="small") as client,
    ):
        await client.generate(QUESTION)
    assert "traceparent" not in upstream.seen[-1].headers
