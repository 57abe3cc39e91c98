"""Through a real gateway: every upstream fault, one bill for one id, and logs without content."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
import pytest

from cloud_gateway.config import GatewayConfig
from cloud_gateway.logs import JsonLines
from cloud_gateway.server import GatewayServer, running
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed, FinishReason, ModelEvent, Sampling, TextDelta, Usage
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import limits, status
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
SECRET = "the-users-own-words"


@pytest.fixture
async def client(gateway: GatewayServer, api_key: str) -> AsyncIterator[AsyncGateway]:
    async with AsyncGateway(gateway.address, api_key=api_key, model="small") as opened:
        yield opened


def error_body(**fields: object) -> bytes:
    return json.dumps({"error": {"message": SECRET, **fields}}).encode()


async def stream(client: AsyncGateway, **options: Any) -> list[ModelEvent]:
    return [event async for event in client.stream(SECRET, **options)]


FAULTS: list[tuple[Reply, type[errors.CloudError], str]] = [
    (
        Reply(status=400, body=error_body(code="context_length_exceeded")),
        errors.CloudRejected,
        "context_length_exceeded",
    ),
    (Reply(status=422), errors.CloudRejected, "refused the request"),
    (Reply(status=401, body=error_body()), errors.CloudInternal, "refused the gateway's own key"),
    (Reply(status=403), errors.CloudInternal, "api_key_env"),
    (Reply(status=404), errors.CloudInternal, "upstream_name"),
    (Reply(status=302, headers={"Location": "http://elsewhere/"}), errors.CloudInternal, "HTTP 302"),
    (Reply(status=429, headers={"Retry-After": "7"}), errors.CloudRateLimited, "over its limit"),
    (Reply(status=500), errors.CloudUnavailable, "HTTP 500"),
    (Reply(status=503, headers={"Retry-After": "7"}), errors.CloudUnavailable, "HTTP 503"),
    (Reply(break_after=-1), errors.CloudUnavailable, "broke the connection off"),
    (Reply(body=b"<html>a proxy's page</html>"), errors.CloudInternal, "its base_url"),
]


@pytest.mark.parametrize(("reply", "kind", "words"), FAULTS)
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_fault_before_the_answer(
    client: AsyncGateway,
    upstream: SimulatedUpstream,
    streaming: bool,
    reply: Reply,
    kind: type[errors.CloudError],
    words: str,
) -> None:
    upstream.replies = [reply]
    with pytest.raises(errors.CloudError) as failed:
        await (stream(client) if streaming else client.generate(SECRET))
    assert type(failed.value) is kind
    assert words in str(failed.value)
    assert SECRET not in str(failed.value)
    waits = {errors.CloudRateLimited: 7.0, errors.CloudUnavailable: 7.0 if reply.headers else 1.0}
    assert failed.value.retry_after_s == waits.get(kind)


async def test_an_upstream_that_says_no_wait_at_all_is_asked_again_at_once(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    """gRPC's own retries stand still when they are told to wait for zero milliseconds."""
    upstream.replies = [Reply(status=503, headers={"Retry-After": "0"}), Reply()]
    answer = await client.generate(SECRET, timeout_ms=HANG_S * 1000)
    assert (answer.text, upstream.chats) == ("Bees make honey.", 2)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(break_after=2), errors.CloudTruncated),
        (Reply(finish_reason=None), errors.CloudTruncated),
        (Reply(finish_reason=None, done=False), errors.CloudTruncated),
        (Reply(finish_reason="content_filter"), errors.CloudRejected),
        (Reply(events=(b'{"choices":[{"delta":{"content":"Hi"}}]}', b"nonsense")), errors.CloudInternal),
        (Reply(events=(error_body(code="overloaded"),)), errors.CloudInternal),
        (Reply(events=(error_body(code=503),)), errors.CloudUnavailable),
        (Reply(events=(error_body(code=429),)), errors.CloudRateLimited),
    ],
)
async def test_a_fault_in_the_middle_of_a_stream(
    client: AsyncGateway, upstream: SimulatedUpstream, reply: Reply, kind: type[errors.CloudError]
) -> None:
    upstream.replies = [reply]
    with pytest.raises(errors.CloudError) as failed:
        await stream(client)
    assert type(failed.value) is kind
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize(
    "reply", [Reply(finish_reason=None), Reply(body=b'{"choices":[]}'), Reply(body=b'{"choices":[{"message":')]
)
async def test_half_a_whole_answer_is_no_answer(
    client: AsyncGateway, upstream: SimulatedUpstream, reply: Reply
) -> None:
    upstream.replies = [reply]
    with pytest.raises((errors.CloudTruncated, errors.CloudInternal)):
        await client.generate("Hi")


async def test_an_upstream_that_is_away_is_unavailable_and_comes_back(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    port = upstream.port
    await upstream.stop()
    with pytest.raises(errors.CloudUnavailable, match="cannot be reached") as failed:
        await client.generate("Hi")
    assert failed.value.retry_after_s == 1.0
    await upstream.start(port)
    assert (await client.generate("Hi")).text == "Bees make honey."


async def test_an_upstream_that_falls_silent_is_given_up(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=1)]
    config = gateway_config(upstream={"base_url": upstream.base_url, "between_tokens_s": 0.1})
    async with (
        running(config, environment={"TEST_KEY": api_key}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
    ):
        with pytest.raises(errors.CloudTimeout, match="between_tokens_s"):
            await stream(client)
    assert upstream.disconnected.is_set()


@pytest.mark.parametrize("timeout_ms", [None, 60_000])
async def test_a_call_with_no_deadline_or_a_late_one_has_the_gateways(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str, timeout_ms: float | None
) -> None:
    upstream.replies = [Reply(hold_after=4)]
    async with (
        running(gateway_config(limits={"request_s": 0.2}), environment={"TEST_KEY": api_key}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small", timeout_ms=timeout_ms) as client,
    ):
        with pytest.raises(errors.CloudTimeout, match="at the deadline"):
            await client.generate("Hi")
        async with asyncio.timeout(HANG_S):
            await upstream.disconnected.wait()


async def test_an_upstream_that_counts_nothing_is_estimated_and_said_so(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(usage=False)]
    completed = (await stream(client))[-1]
    assert isinstance(completed, Completed)
    assert completed.usage == Usage(-(-len(SECRET) // 4), 4, estimated=True)
    assert (await client.generate("Hi")).usage == Usage(1, 4, estimated=True)
    assert completed.usd > 0


async def test_the_limit_of_tokens_is_a_reason_of_its_own(client: AsyncGateway, upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(finish_reason="length")]
    assert (await client.generate("Hi")).finish_reason is FinishReason.LENGTH


async def test_lines_that_only_unicode_calls_lines_do_not_break_a_stream(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    pieces = ("a\u2028b", "c\u0085d\x0be", "🐝")
    choices = [{"delta": {"content": piece}, "finish_reason": "stop"} for piece in pieces]
    chunks = [json.dumps({"choices": [choice]}, ensure_ascii=False).encode() for choice in choices]
    upstream.replies = [Reply(events=tuple(chunks))]
    events = await stream(client)
    assert [event.text for event in events if isinstance(event, TextDelta)] == list(pieces)


@pytest.mark.parametrize("streaming", [True, False])
async def test_twenty_calls_with_one_id_are_one_call_upstream_and_one_bill(
    client: AsyncGateway, upstream: SimulatedUpstream, caplog: pytest.LogCaptureFixture, streaming: bool
) -> None:
    caplog.set_level(logging.INFO, "cloud_gateway")
    upstream.replies = [Reply(hold_after=4)]

    async def ask() -> str:
        if streaming:
            events = await stream(client, request_id="same")
            return "".join(event.text for event in events if isinstance(event, TextDelta))
        return (await client.generate(SECRET, request_id="same")).text

    async with asyncio.timeout(HANG_S):
        tasks = [asyncio.create_task(ask()) for _ in range(20)]
        await upstream.holding.wait()
        upstream.release.set()
        assert set(await asyncio.gather(*tasks)) == {"Bees make honey."}
    assert await ask() == "Bees make honey."
    assert (await client.generate(SECRET, request_id="same")).text == "Bees make honey."
    assert upstream.chats == 1
    assert [record.message for record in caplog.records].count("billed") == 1


async def test_an_id_may_not_be_used_for_another_question(client: AsyncGateway) -> None:
    await client.generate("Hi", request_id="mine")
    with pytest.raises(errors.CloudRejected, match="used for another chat"):
        await client.generate("Ho", request_id="mine")
    with pytest.raises(errors.CloudRejected, match="used for another chat"):
        await client.generate("Hi", request_id="mine", sampling=Sampling(max_tokens=1))


async def test_an_answer_that_failed_may_be_asked_for_again(client: AsyncGateway, upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(break_after=2), Reply()]
    with pytest.raises(errors.CloudTruncated):
        await stream(client, request_id="again")
    assert isinstance((await stream(client, request_id="again"))[-1], Completed)


async def test_one_of_two_followers_may_leave(client: AsyncGateway, upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(hold_after=2)]
    first = client.stream(SECRET, request_id="both")
    assert isinstance([await anext(first) for _ in range(3)][-1], TextDelta)
    async with aclosing(client.stream(SECRET, request_id="both")) as second:
        assert isinstance([await anext(second) for _ in range(3)][-1], TextDelta)
        await first.aclose()
        upstream.release.set()
        rest = [event async for event in second]
    assert isinstance(rest[-1], Completed)
    assert upstream.chats == 1
    assert not upstream.disconnected.is_set()


async def test_the_log_tells_what_happened_and_not_what_was_said(
    client: AsyncGateway, upstream: SimulatedUpstream, caplog: pytest.LogCaptureFixture, api_key: str
) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(JsonLines())
    upstream.replies = [Reply(), Reply(status=400, body=error_body()), Reply(body=SECRET.encode())]
    await client.generate(SECRET, request_id="one")
    for number in "two", "three":
        with pytest.raises(errors.CloudError):
            await client.generate(SECRET, request_id=number)
    log = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert SECRET not in log
    assert "honey" not in log
    assert api_key not in log
    lines = [json.loads(line) for line in log.splitlines()]
    bill = next(line for line in lines if line["event"] == "billed")
    assert (bill["caller"], bill["request_id"], bill["cost_nano_usd"]) == ("tester", "one", 150 + 4 * 600)
    outcomes = {line["request_id"]: line["outcome"] for line in lines if line["event"] == "call"}
    assert outcomes == {"one": "ok", "two": "cloud_rejected", "three": "cloud_internal"}


async def test_a_bug_is_logged_by_place_and_told_to_nobody(
    client: AsyncGateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("cloud_gateway.service.requests.decode", bug)
    with pytest.raises(errors.CloudInternal, match="the gateway failed") as failed:
        await client.generate("Hi")
    assert SECRET not in str(failed.value)
    line = json.loads(JsonLines().format(next(record for record in caplog.records if record.levelname == "ERROR")))
    assert line["exception"] == "ValueError"
    assert "test_service.py" in line["at"][-1]
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_without_a_key_only_health_is_open(
    gateway: GatewayServer, upstream: SimulatedUpstream, key: str | None
) -> None:
    async with AsyncGateway(gateway.address, api_key=key, model="small") as client:
        await client.ping()
        for call in client.generate("Hi"), stream(client), client.models():
            with pytest.raises(errors.CloudUnauthenticated, match="keys create"):
                await call
    assert upstream.chats == 0


async def test_a_request_that_the_sdk_would_not_send_is_refused_by_field(gateway: GatewayServer, api_key: str) -> None:
    """Other languages have no SDK: the gateway checks for itself."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        request: Any = gateway_service_pb2.GenerateRequest(request_id="r")
        request.chat.model = "small"
        request.chat.messages.add(role=9, text="Hi")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stub.Generate(request, metadata=(("authorization", f"Bearer {api_key}"),))
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    metadata: Any = failed.value.trailing_metadata()
    error = status.decode(failed.value.code(), failed.value.details(), metadata, target="t")
    assert "chat.messages[0].role" in error.message


async def test_a_message_over_the_gateways_limit_is_rejected(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    config = gateway_config(limits={"message_bytes": 2048})
    async with (
        running(config, environment={"TEST_KEY": api_key}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
    ):
        with pytest.raises(errors.CloudRejected, match="larger than max"):
            await client.generate("x" * 4096)
        with pytest.raises(errors.InvalidRequest, match="bytes"):
            await client.generate("x" * limits.MAX_MESSAGE_BYTES)
    assert upstream.chats == 0


async def test_the_upstreams_key_is_sent_to_it_alone(
    gateway_config: Callable[..., GatewayConfig], upstream: SimulatedUpstream, api_key: str
) -> None:
    config = gateway_config(upstream={"base_url": upstream.base_url, "api_key_env": "UP"})
    async with (
        running(config, environment={"TEST_KEY": api_key, "UP": "upstream-key"}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
    ):
        await client.generate("Hi")
    assert upstream.seen[0].headers["authorization"] == "Bearer upstream-key"
