"""The async client against a real gateway, and against servers that break the rules."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from cloud_gateway.server import GatewayServer
from orchestrator import errors
from orchestrator.budget import Deadline
from orchestrator.chat import Price, ServedModel
from orchestrator.client import AsyncGateway
from orchestrator.client.testing import FakeGateway, FakeReply
from orchestrator.testing import ManualClock
from orchestrator.types import (
    Completed,
    FinishReason,
    Message,
    ModelEvent,
    Sampling,
    Sensitivity,
    Started,
    TextDelta,
    Usage,
)
from orchestrator.units import Energy, EnergySource
from orchestrator.v1 import gateway_service_pb2
from orchestrator.wire import answers
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60


@pytest.fixture
async def client(gateway: GatewayServer, api_key: str) -> AsyncIterator[AsyncGateway]:
    async with AsyncGateway(gateway.address, api_key=api_key, model="small") as opened:
        yield opened


async def collect(stream: AsyncGenerator[ModelEvent, None]) -> tuple[list[ModelEvent], Exception | None]:
    """What came, and what ended it early."""
    events: list[ModelEvent] = []
    async with aclosing(stream):
        try:
            while True:
                events.append(await anext(stream))
        except errors.EdgewiseError as error:
            return events, error
        except StopAsyncIteration:
            return events, None


async def test_a_whole_answer_comes_with_its_receipt(client: AsyncGateway) -> None:
    answer = await client.generate("What do bees make?")
    assert answer.text == "Bees make honey."
    assert answer.model == "small"
    assert answer.usage == Usage(4, 4)
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usd == 4 * 0.15e-6 + 4 * 0.6e-6
    assert answer.cloud_energy == Energy(4 * 0.2 + 4 * 2.0, 4 * 0.2 + 4 * 2.0, EnergySource.MODELLED)


async def test_a_stream_gives_started_text_and_a_receipt(client: AsyncGateway) -> None:
    events = [event async for event in client.stream("What do bees make?")]
    assert events[0] == Started("small")
    assert events[1:-1] == [TextDelta(piece) for piece in ("Bees", " make", " honey", ".")]
    assert isinstance(events[-1], Completed)
    assert events[-1].usage == Usage(4, 4)


async def test_the_whole_request_arrives_upstream(client: AsyncGateway, upstream: SimulatedUpstream) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, min_p=0.05, seed=7, max_tokens=50, stop=("END",))
    talk = (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Yes?"),
        Message("user", "So?"),
    )
    await client.generate(talk, sampling=sampling, prefix="Because")
    assert upstream.seen[0].body == {
        "model": "vendor/small",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "So?"},
            {"role": "assistant", "content": "Because"},
        ],
        "continue_final_message": True,
        "add_generation_prompt": False,
        "max_tokens": 50,
        "temperature": 0.7,
        "top_p": 0.9,
        "min_p": 0.05,
        "seed": 7,
        "stop": ["END"],
    }


async def test_the_models_are_listed_with_their_prices(client: AsyncGateway) -> None:
    price = Price(150_000_000, 600_000_000)
    assert await client.models() == [
        ServedModel(name="small", context_tokens=4096, price=price),
        ServedModel(name="large", context_tokens=4096, price=price),
    ]
    terms = (await client.models())[0].terms
    assert (terms.prompt_usd, terms.completion_usd) == (0.15e-6, 0.6e-6)


async def test_a_ping_says_whether_a_model_can_be_reached(gateway: GatewayServer, upstream: SimulatedUpstream) -> None:
    async with AsyncGateway(gateway.address) as client:
        await client.ping()
        await upstream.stop()

        async def ping_until_it_fails() -> None:
            while True:
                await client.ping()

        async with asyncio.timeout(HANG_S):
            with pytest.raises(errors.CloudUnavailable, match="can reach no model"):
                await ping_until_it_fails()


async def test_the_callers_deadline_ends_the_call_down_to_the_model(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    _, error = await collect(client.stream("Wait.", timeout_ms=1000))
    assert isinstance(error, errors.CloudTimeout)
    assert client.target in error.message
    async with asyncio.timeout(HANG_S):
        await upstream.disconnected.wait()


async def test_a_deadline_that_has_passed_sends_nothing(client: AsyncGateway, upstream: SimulatedUpstream) -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, 100)
    clock.advance(1)
    with pytest.raises(errors.CloudTimeout, match="no time was left"):
        await client.generate("Hi", deadline=deadline)
    with pytest.raises(errors.CloudTimeout):
        await client.generate("Hi", timeout_ms=0)
    assert upstream.chats == 0


async def test_no_deadline_at_all_is_allowed(gateway: GatewayServer, api_key: str) -> None:
    async with AsyncGateway(gateway.address, api_key=api_key, model="small", timeout_ms=None) as client:
        assert (await client.generate("Hi", deadline=Deadline(ManualClock(), math.inf))).text == "Bees make honey."


@pytest.mark.parametrize("hold_after", [0, 2])
async def test_closing_a_stream_hangs_up_upstream(
    client: AsyncGateway, upstream: SimulatedUpstream, hold_after: int
) -> None:
    upstream.replies = [Reply(hold_after=hold_after)]
    async with aclosing(client.stream("Wait.")) as stream:
        for _ in range(1 + hold_after):
            await anext(stream)
    async with asyncio.timeout(HANG_S):
        await upstream.disconnected.wait()


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_cancelled_task_hangs_up_upstream(
    client: AsyncGateway, upstream: SimulatedUpstream, streaming: bool
) -> None:
    upstream.replies = [Reply(hold_after=4)]
    task = asyncio.create_task(collect(client.stream("Wait.")) if streaming else client.generate("Wait."))
    async with asyncio.timeout(HANG_S):
        await upstream.holding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await upstream.disconnected.wait()


async def test_closing_the_client_ends_its_calls_with_a_typed_error(
    client: AsyncGateway, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=1), Reply(hold_after=4)]
    stream = client.stream("Wait.")
    assert [await anext(stream), await anext(stream)] == [Started("small"), TextDelta("Bees")]
    upstream.holding.clear()
    waiting = asyncio.create_task(collect(stream))
    whole = asyncio.create_task(client.generate("Wait."))
    async with asyncio.timeout(HANG_S):
        await upstream.holding.wait()
        await client.aclose()
        _, error = await waiting
        assert isinstance(error, errors.Cancelled)
        with pytest.raises(errors.Cancelled):
            await whole
    with pytest.raises(errors.InvalidRequest, match="closed"):
        await client.generate("Hi")
    await client.aclose()


async def test_a_gateway_that_stops_in_mid_stream_leaves_what_came(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    client = AsyncGateway(gateway.address, api_key=api_key, model="small", clock=ManualClock())
    stream = client.stream("Wait.")
    assert [await anext(stream) for _ in range(3)] == [Started("small"), TextDelta("Bees"), TextDelta(" make")]
    waiting = asyncio.create_task(collect(stream))
    async with asyncio.timeout(HANG_S):
        await gateway.drain(0)
        events, error = await waiting
    assert events == []
    assert isinstance(error, errors.CloudUnavailable)
    await client.aclose()


async def test_a_gateway_that_is_not_there_is_named_with_a_remedy() -> None:
    async with AsyncGateway("127.0.0.1:1", model="small") as client:
        with pytest.raises(errors.CloudUnavailable, match=r"127\.0\.0\.1:1.*check that the gateway runs"):
            await client.generate("Hi")


async def test_an_unknown_model_is_rejected_with_the_known_ones(client: AsyncGateway) -> None:
    with pytest.raises(errors.CloudRejected, match="small, large"):
        await client.generate("Hi", model="enormous")


async def test_a_call_without_a_model_is_refused_here(gateway: GatewayServer) -> None:
    async with AsyncGateway(gateway.address) as client:
        with pytest.raises(errors.InvalidRequest, match="no model is named"):
            await client.generate("Hi")


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
async def test_labelled_text_never_leaves(
    client: AsyncGateway, upstream: SimulatedUpstream, label: Sensitivity
) -> None:
    talk = (Message("system", "The code is 1234.", label), Message("user", "What is the code?"))
    with pytest.raises(errors.EgressRefused) as refused:
        await client.generate(talk)
    assert "1234" not in str(refused.value)
    with pytest.raises(errors.EgressRefused):
        await anext(client.stream(talk))
    assert upstream.chats == 0


async def test_a_client_belongs_to_one_loop(client: AsyncGateway) -> None:
    await client.models()

    def elsewhere() -> None:
        asyncio.run(client.models())

    with pytest.raises(errors.InvalidRequest, match="another event loop"):
        await asyncio.to_thread(elsewhere)


# What follows needs a server that no gateway of ours would be.


@asynccontextmanager
async def asking(*replies: FakeReply) -> AsyncIterator[tuple[AsyncGateway, FakeGateway]]:
    async with FakeGateway(*replies) as fake, AsyncGateway(fake.target, model="m") as client:
        yield client, fake


class Rogue(FakeGateway):
    """Says what the test says, and keeps no rule."""

    def __init__(self, *messages: Any) -> None:
        super().__init__()
        self._messages = messages

    async def StreamGenerate(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for message in self._messages:
            yield message

    async def Generate(self, request: Any, context: Any) -> Any:
        return self._messages[0]

    async def GetUsage(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")


@asynccontextmanager
async def rogue(*messages: Any) -> AsyncIterator[AsyncGateway]:
    async with Rogue(*messages) as server, AsyncGateway(server.target, model="m") as client:
        yield client


RECEIPT = answers.encode_event(Completed(Usage(1, 1), FinishReason.STOP), 0)


async def test_a_stream_without_a_receipt_is_truncated() -> None:
    async with asking(FakeReply(pieces=("half",), receipt=False, cursors=False)) as (client, _):
        events, error = await collect(client.stream("Hi"))
    assert events == [Started("m"), TextDelta("half")]
    assert isinstance(error, errors.CloudTruncated)


async def test_what_comes_after_the_receipt_is_not_waited_for_as_text() -> None:
    async with rogue(RECEIPT, answers.encode_event(TextDelta("and another thing"), 17)) as client:
        events, error = await collect(client.stream("Hi"))
    assert error is None
    assert len(events) == 1


async def test_an_event_of_a_newer_gateway_is_passed_over() -> None:
    async with rogue(gateway_service_pb2.StreamGenerateResponse(), RECEIPT) as client:
        events, error = await collect(client.stream("Hi"))
    assert (len(events), error) == (1, None)


async def test_text_that_does_not_join_is_a_typed_error() -> None:
    async with rogue(answers.encode_event(TextDelta("Bees"), 4), answers.encode_event(TextDelta("es"), 5)) as client:
        events, error = await collect(client.stream("Hi"))
    assert events == [TextDelta("Bees")]
    assert isinstance(error, errors.CloudInternal)


async def test_a_receipt_that_makes_no_sense_is_a_typed_error() -> None:
    async with rogue(gateway_service_pb2.GenerateResponse(text="free!", model="m")) as client:
        with pytest.raises(errors.CloudInternal, match="receipt"):
            await client.generate("Hi")


@pytest.mark.parametrize("fault", [grpc.StatusCode.UNAVAILABLE, errors.CloudUnavailable("busy", retry_after_s=0.01)])
async def test_unavailable_is_tried_again_with_the_same_id(
    fault: grpc.StatusCode | errors.CloudUnavailable,
) -> None:
    async with asking(FakeReply(fault=fault), FakeReply(fault=fault), FakeReply(pieces=("here",))) as (client, fake):
        assert (await client.generate("Hi")).text == "here"
    assert len(fake.requests) == 3
    assert len({request.request_id for request in fake.requests}) == 1


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)]
)
async def test_nothing_else_is_tried_again(code: grpc.StatusCode) -> None:
    async with asking(FakeReply(fault=code)) as (client, fake):
        with pytest.raises(errors.CloudError):
            await client.generate("Hi")
    assert len(fake.requests) == 1


async def test_another_kind_of_server_is_told_from_a_gateway() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncGateway(f"127.0.0.1:{port}") as client:
        with pytest.raises(errors.CloudInternal, match="check that the target is an Edgewise gateway"):
            await client.models()
    await server.stop(None)
