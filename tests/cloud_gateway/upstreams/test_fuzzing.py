"""A model server that answers anything: each answer is one, or one typed error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.clock import SystemClock
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, Sampling
from orchestrator.wire import answers, status

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
CHAT = Chat(model="m", messages=(OutboundMessage("user", arrived("Hi")),), sampling=Sampling())


class Hostile:
    """A server whose every response is `content`, whatever HTTP says."""

    def __init__(self) -> None:
        self.content = b""
        self.upstream: UpstreamServer

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and hang up."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    server = Hostile()
    async with await asyncio.start_server(server.respond, "127.0.0.1", 0) as listening:
        section = UpstreamSection(base_url=f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
        server.upstream = UpstreamServer(section, name="hostile", environment={}, clock=SystemClock())
        yield server
        await server.upstream.aclose()


piece = st.sampled_from(
    [
        b'data: {"choices":[{"delta":{"content":"honey"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ud83d"},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[{"finish_reason":"length"}],"usage":{"prompt_tokens":-1,"completion_tokens":1e999}}\n\n',
        b'data: {"error":{"code":429,"retry_after_s":-1e308}}\n\n',
        b"data: [DONE]\n\n",
        b"data: " + b"[" * 5000 + b"\n\n",
    ]
)
head = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\ncontent-type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 429 No\r\nretry-after: -1e9\r\n\r\n",
        b"HTTP/1.1 302 Go\r\nlocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/9.9 999 \xff\r\nx: " + b"y" * 9000 + b"\r\n\r\n",
        b"",
    ]
)
response = st.builds(
    lambda head, pieces: head + b"".join(pieces), head, st.lists(piece | st.binary(max_size=40), max_size=5)
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(response=response, streaming=st.booleans())
async def test_whatever_the_model_server_answers_is_an_answer_or_one_typed_error(
    hostile: Hostile, caplog: pytest.LogCaptureFixture, response: bytes, streaming: bool
) -> None:
    hostile.content = response
    ask = hostile.upstream.stream if streaming else hostile.upstream.complete
    failed: errors.CloudError | None = None
    try:
        async with asyncio.timeout(HANG_S):
            events = [event async for event in ask(CHAT, "m")]
        assert isinstance(events[-1], Completed)
        for event in events:
            answers.encode_event(event)
    except errors.CloudError as error:
        failed = error
    if failed is not None:
        status.encode(failed)
        assert failed.retry_after_s is None or failed.retry_after_s >= 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
