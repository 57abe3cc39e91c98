"""Every format over a real socket: the same chat, the same answer, the same faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.clock import SystemClock
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, FinishReason, ModelEvent, Role, Sampling, Started, TextDelta, Usage
from simulation.upstream import FORMATS, Reply, SimulatedUpstream

pytestmark = pytest.mark.anyio
HANG_S = 60
SECRET = "the users own words"

every_format = pytest.mark.parametrize("spoken", FORMATS)
both_ways = pytest.mark.parametrize("streaming", [True, False])


def chat(text: str = SECRET, *, prefix: str = "", **sampling: Any) -> Chat:
    messages = (OutboundMessage("user", arrived(text)),)
    return Chat(model="small", messages=messages, sampling=Sampling(**sampling), prefix=arrived(prefix))


@asynccontextmanager
async def opened(upstream: SimulatedUpstream, spoken: str, **keys: Any) -> AsyncIterator[UpstreamServer]:
    section = UpstreamSection.model_validate(
        {"base_url": upstream.url(spoken), "format": spoken, "api_key_env": "KEY", **keys}
    )
    async with aclosing(UpstreamServer(section, name="main", environment={"KEY": "k"}, clock=SystemClock())) as server:
        yield server


async def said(server: UpstreamServer, asked: Chat, *, streaming: bool) -> list[ModelEvent]:
    async with asyncio.timeout(HANG_S):
        return [event async for event in (server.stream if streaming else server.complete)(asked, "vendor-m")]


def text(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@every_format
@both_ways
async def test_an_answer_comes_with_what_the_upstream_counted(
    upstream: SimulatedUpstream, spoken: str, streaming: bool
) -> None:
    async with opened(upstream, spoken) as server:
        assert await server.reachable()
        for _ in range(2):
            events = await said(server, chat(), streaming=streaming)
    pieces = [TextDelta(piece) for piece in ("Bees", " make", " honey", ".")]
    assert events[:-1] == [Started("small"), *(pieces if streaming else [TextDelta("Bees make honey.")])]
    assert events[-1] == Completed(Usage(4, 4), FinishReason.STOP)
    assert upstream.connections == 1, "a connection that was read to its end carries the next answer"


@every_format
@both_ways
async def test_an_answer_that_was_cut_off_by_its_length_says_so(
    upstream: SimulatedUpstream, spoken: str, streaming: bool
) -> None:
    upstream.replies = [Reply(finish_reason="length", usage=False)]
    async with opened(upstream, spoken) as server:
        end = (await said(server, chat(), streaming=streaming))[-1]
    assert end == Completed(Usage(5, 4, estimated=True), FinishReason.LENGTH)


FAULTS: list[tuple[Reply, type[errors.CloudError]]] = [
    (Reply(status=400, echo=True), errors.CloudRejected),
    (Reply(status=401, echo=True), errors.CloudInternal),
    (Reply(status=403, echo=True), errors.CloudInternal),
    (Reply(status=404, echo=True), errors.CloudInternal),
    (Reply(status=413, echo=True), errors.CloudRejected),
    (Reply(status=429, echo=True, headers={"Retry-After": "7"}), errors.CloudRateLimited),
    (Reply(status=500, echo=True), errors.CloudUnavailable),
    (Reply(status=529, echo=True), errors.CloudUnavailable),
    (Reply(status=503, body=b"<html>" + SECRET.encode()), errors.CloudUnavailable),
    (Reply(body=b"<html>" + SECRET.encode()), errors.CloudInternal),
    (Reply(break_after=-1), errors.CloudUnavailable),
    (Reply(finish_reason="content_filter"), errors.CloudRejected),
    (Reply(finish_reason=None, done=False), errors.CloudTruncated),
]


@every_format
@both_ways
@pytest.mark.parametrize(("reply", "kind"), FAULTS)
async def test_faults_are_the_same_errors_in_every_format(
    upstream: SimulatedUpstream, spoken: str, streaming: bool, reply: Reply, kind: type[errors.CloudError]
) -> None:
    upstream.replies = [reply]
    async with opened(upstream, spoken) as server:
        with pytest.raises(errors.CloudError) as failed:
            await said(server, chat(), streaming=streaming)
    assert type(failed.value) is kind
    assert SECRET not in str(failed.value)
    assert failed.value.retry_after_s == (7.0 if reply.headers else failed.value.retry_after_s)


@every_format
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(break_after=2), errors.CloudTruncated),
        (Reply(events=(b"{" + SECRET.encode(),)), errors.CloudInternal),
        (Reply(events=(b"[" * 100_000,)), errors.CloudInternal),
    ],
)
async def test_a_stream_that_goes_wrong_is_one_error(
    upstream: SimulatedUpstream, spoken: str, reply: Reply, kind: type[errors.CloudError]
) -> None:
    upstream.replies = [reply]
    async with opened(upstream, spoken) as server:
        with pytest.raises(kind) as failed:
            await said(server, chat(), streaming=True)
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize(
    ("spoken", "event", "kind"),
    [
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error"}}, errors.CloudUnavailable),
        ("anthropic", {"type": "error", "error": {"type": "rate_limit_error"}}, errors.CloudRateLimited),
        ("anthropic", {"type": "error", "error": {"type": SECRET}}, errors.CloudInternal),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": SECRET}}, errors.CloudUnavailable),
        ("gemini", {"candidates": [{"finishReason": "OTHER"}]}, errors.CloudInternal),
        ("gemini", {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, errors.CloudRejected),
        ("openai", {"error": {"code": 429, "message": SECRET}}, errors.CloudRateLimited),
    ],
)
async def test_errors_inside_a_stream_count_as_their_status_would(
    upstream: SimulatedUpstream, spoken: str, event: dict[str, Any], kind: type[errors.CloudError]
) -> None:
    upstream.replies = [Reply(events=(json.dumps(event).encode(),))]
    async with opened(upstream, spoken) as server:
        with pytest.raises(kind) as failed:
            await said(server, chat(), streaming=True)
    assert SECRET not in str(failed.value)


@every_format
@both_ways
async def test_what_a_continuation_repeats_is_left_out_and_billed(
    upstream: SimulatedUpstream, spoken: str, streaming: bool
) -> None:
    upstream.replies = [Reply(pieces=("Bees", " make", " honey", " and", " wax."))]
    async with opened(upstream, spoken) as server:
        events = await said(server, chat(prefix="Bees make honey"), streaming=streaming)
    assert text(events) == " and wax."
    assert isinstance(end := events[-1], Completed)
    assert end.usage.completion_tokens == 5


@every_format
@both_ways
async def test_a_stop_that_begins_in_the_prefix_ends_the_answer(
    upstream: SimulatedUpstream, spoken: str, streaming: bool
) -> None:
    upstream.replies = [Reply(pieces=(" END", " of", " it\n", "\nmore"))]
    async with opened(upstream, spoken) as server:
        begun = await said(server, chat(prefix="The", stop=("The END", "\n\n")), streaming=streaming)
        later = await said(server, chat(stop=("\n\n",)), streaming=streaming)
    assert text(begun) == ""
    assert text(later) == " END of it"
    assert isinstance(end := later[-1], Completed)
    assert end.finish_reason is FinishReason.STOP
    assert end.usage.estimated


ROLES = st.sampled_from(["system", "user", "assistant"])
TURNS = st.lists(st.tuples(ROLES, st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), max_size=5)


@every_format
@given(turns=TURNS, last=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_word_of_any_chat_arrives(
    upstream: SimulatedUpstream, spoken: str, turns: list[tuple[Role, str]], last: str
) -> None:
    said_all = [*turns, ("user", last)]
    messages = tuple(OutboundMessage(role, arrived(words)) for role, words in said_all)
    asked = Chat(model="small", messages=messages, sampling=Sampling())
    upstream.replies = [Reply(pieces=("ok",))]
    async with opened(upstream, spoken) as server:
        assert text(await said(server, asked, streaming=False)) == "ok"
    posted = " ".join(FORMATS[spoken].texts(upstream.seen[-1].body)).split()
    assert sorted(posted) == sorted(word for _, words in said_all for word in words.split())
