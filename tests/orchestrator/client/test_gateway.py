"""The async client against a real gateway, and against servers that break the rules."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest

from cloud_gateway.server import GatewayServer
from orchestrator import errors
from orchestrator.budget import Deadline
from orchestrator.chat import Price, ServedModel
from orchestrator.client import AsyncGateway
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
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
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
    client: AsyncGateway, gateway: GatewayServer, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    stream = client.stream("Wait.")
    assert [await anext(stream) for _ in range(3)] == [Started("small"), TextDelta("Bees"), TextDelta(" make")]
    waiting = asyncio.create_task(collect(stream))
    async with asyncio.timeout(HANG_S):
        await gateway.drain(0)
        events, error = await waiting
    assert events == []
    assert isinstance(error, errors.CloudUnavailable)


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

Script = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]


@dataclass
class Rogue(gateway_service_pb2_grpc.GatewayServiceServicer):
    """Does with each call what the test says."""

    stream: Script | None = None
    whole: Script | None = None
    calls: list[Any] = field(default_factory=list)

    async def StreamGenerate(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.calls.append(request)
        assert self.stream is not None
        async for message in self.stream(request, context):
            yield message

    async def Generate(self, request: Any, context: Any) -> Any:
        self.calls.append(request)
        assert self.whole is not None
        return await self.whole(request, context)

    async def ListModels(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")

    async def CancelGenerate(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")


@asynccontextmanager
async def rogue(servicer: Rogue) -> AsyncIterator[AsyncGateway]:
    server = grpc.aio.server()
    gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with AsyncGateway(f"127.0.0.1:{port}", model="m") as client:
            yield client
    finally:
        await server.stop(None)


async def test_a_stream_without_a_receipt_is_truncated() -> None:
    async def half(request: Any, context: Any) -> AsyncIterator[Any]:
        yield answers.encode_event(Started("m"))
        yield answers.encode_event(TextDelta("half"))

    async with rogue(Rogue(half)) as client:
        events, error = await collect(client.stream("Hi"))
    assert events == [Started("m"), TextDelta("half")]
    assert isinstance(error, errors.CloudTruncated)


async def test_what_comes_after_the_receipt_is_not_waited_for_as_text() -> None:
    async def chatty(request: Any, context: Any) -> AsyncIterator[Any]:
        yield answers.encode_event(Completed(Usage(1, 1), FinishReason.STOP))
        yield answers.encode_event(TextDelta("and another thing"))

    async with rogue(Rogue(chatty)) as client:
        events, error = await collect(client.stream("Hi"))
    assert error is None
    assert len(events) == 1


async def test_events_of_the_future_are_passed_over() -> None:
    async def newer(request: Any, context: Any) -> AsyncIterator[Any]:
        yield gateway_service_pb2.StreamGenerateResponse()
        yield answers.encode_event(Completed(Usage(1, 1), FinishReason.STOP))

    async with rogue(Rogue(newer)) as client:
        events, error = await collect(client.stream("Hi"))
    assert (len(events), error) == (1, None)


async def test_a_receipt_that_makes_no_sense_is_a_typed_error() -> None:
    async def lying(request: Any, context: Any) -> Any:
        return gateway_service_pb2.GenerateResponse(text="free!", model="m")

    async with rogue(Rogue(whole=lying)) as client:
        with pytest.raises(errors.CloudInternal, match="receipt"):
            await client.generate("Hi")


async def test_unavailable_is_tried_again_with_the_same_id() -> None:
    async def third_time_lucky(request: Any, context: Any) -> Any:
        if len(servicer.calls) < 3:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return answers.encode_answer("m", "here", Completed(Usage(1, 1), FinishReason.STOP))

    servicer = Rogue(whole=third_time_lucky)
    async with rogue(servicer) as client:
        assert (await client.generate("Hi")).text == "here"
    assert len(servicer.calls) == 3
    assert len({call.request_id for call in servicer.calls}) == 1


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)]
)
async def test_nothing_else_is_tried_again(code: grpc.StatusCode) -> None:
    async def refuse(request: Any, context: Any) -> Any:
        await context.abort(code, "no")

    servicer = Rogue(whole=refuse)
    async with rogue(servicer) as client:
        with pytest.raises(errors.CloudError):
            await client.generate("Hi")
    assert len(servicer.calls) == 1


async def test_a_stream_that_has_begun_is_never_begun_again() -> None:
    async def die(request: Any, context: Any) -> AsyncIterator[Any]:
        yield answers.encode_event(Started("m"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    servicer = Rogue(die)
    async with rogue(servicer) as client:
        events, error = await collect(client.stream("Hi"))
    assert events == [Started("m")]
    assert isinstance(error, errors.CloudUnavailable)
    assert len(servicer.calls) == 1


async def test_another_kind_of_server_is_told_from_a_gateway() -> None:
    async with rogue(Rogue()) as client:
        with pytest.raises(errors.CloudInternal, match="check that the target is an Edgewise gateway"):
            await client.models()
