"""A real gateway before callers who send anything, in any order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_gateway.server import GatewayServer
from orchestrator.client import AsyncGateway
from orchestrator.v1 import chat_pb2, gateway_service_pb2
from simulation.upstream import SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
METHODS: Final = ("Generate", "StreamGenerate", "CancelGenerate", "ListModels", "GetUsage")
TYPED: Final = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""What a caller can bring about. The gateway's own faults, UNKNOWN and INTERNAL, are not among them."""
many = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
any_float = st.floats(width=64)
sampling = st.builds(
    chat_pb2.Sampling,
    temperature=any_float,
    top_p=any_float,
    min_p=any_float,
    seed=st.integers(-(2**63), 2**63 - 1),
    max_tokens=st.integers(-(2**31), 2**31 - 1),
    stop=st.lists(any_text, max_size=3),
)
chat = st.builds(
    chat_pb2.Chat,
    model=st.sampled_from(["small", "large", "none"]) | any_text,
    messages=st.lists(st.builds(chat_pb2.Message, role=st.integers(-1, 5), text=any_text), max_size=3),
    prefix=any_text,
    sampling=st.none() | sampling,
)
body = st.binary(max_size=64) | st.builds(
    gateway_service_pb2.StreamGenerateRequest,
    request_id=st.sampled_from(["1", "2"]) | any_text,
    chat=chat,
    resume_from=st.integers(-(2**31), 2**31 - 1),
).map(lambda message: message.SerializeToString())
name = st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True).filter(lambda text: not text.startswith("grpc-"))
metadata = st.lists(
    st.tuples(
        name.filter(lambda text: not text.endswith("-bin")),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    )
    | st.tuples(name.map(lambda text: f"{text}-bin"), st.binary(max_size=20)),
    max_size=4,
)


class Calls:
    """Calls a gateway with bytes of one's choice."""

    def __init__(self, gateway: GatewayServer, channel: grpc.aio.Channel, api_key: str) -> None:
        self.gateway = gateway
        self._channel = channel
        self._bearer = ("authorization", f"Bearer {api_key}")

    async def call(self, method: str, body: bytes, metadata: list[tuple[str, Any]], *, with_key: bool) -> Any:
        """The status that it ends with; None where gRPC does not even send it."""
        asked = self._channel.unary_stream(f"/orchestrator.v1.GatewayService/{method}", None, None)
        sent = (*metadata, self._bearer) if with_key else tuple(metadata)
        try:
            call = asked(body, metadata=sent, timeout=HANG_S)
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        except (ValueError, TypeError):  # metadata that gRPC itself refuses to send
            return None
        return await call.code()


@pytest.fixture
async def calls(gateway: GatewayServer, api_key: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Calls]:
    """Afterwards nothing is left open, nothing failed, and the gateway answers."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        yield Calls(gateway, channel, api_key)
    async with AsyncGateway(gateway.address, api_key=api_key, model="small") as client, asyncio.timeout(HANG_S):
        assert (await client.generate("Hi")).text == "Bees make honey."
    assert (gateway.assembly.gate.calls, gateway.assembly.admission.running) == (0, 0)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@many
@given(method=st.sampled_from(METHODS), body=body, metadata=metadata, with_key=st.booleans())
async def test_any_bytes_with_any_metadata_end_in_a_status_of_ours(
    calls: Calls, method: str, body: bytes, metadata: list[tuple[str, Any]], with_key: bool
) -> None:
    code = await calls.call(method, body, metadata, with_key=with_key)
    assert code in {*TYPED, None}
    # Whoever has no key learns from the status alone that there is none, or that it was no message.
    assert with_key or code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT, None}


step = st.tuples(st.sampled_from(METHODS), st.sampled_from(["1", "2"]), st.integers(0, 30))


@settings(many, max_examples=20)
@given(steps=st.lists(step, min_size=1, max_size=8), together=st.booleans())
async def test_any_calls_in_any_order_bill_an_id_once(
    calls: Calls,
    upstream: SimulatedUpstream,
    caplog: pytest.LogCaptureFixture,
    steps: list[tuple[str, str, int]],
    together: bool,
) -> None:
    caplog.set_level(logging.INFO, logger="cloud_gateway")
    caplog.clear()
    turn = chat_pb2.Message(role=chat_pb2.ROLE_USER, text="What do bees make?")
    asked = chat_pb2.Chat(model="small", messages=[turn])
    made = []
    prefix = f"{upstream.chats}-"
    for method, request_id, cursor in steps:
        if method == "CancelGenerate":
            message: Any = gateway_service_pb2.CancelGenerateRequest(request_id=prefix + request_id)
        else:
            message = gateway_service_pb2.StreamGenerateRequest(request_id=prefix + request_id, chat=asked)
            message.resume_from = cursor if method == "StreamGenerate" else 0
        made.append(calls.call(method, message.SerializeToString(), [], with_key=True))
    codes = await asyncio.gather(*made) if together else [await one for one in made]
    assert set(codes) <= {*TYPED, grpc.StatusCode.CANCELLED}
    billed = [record.fields["request_id"] for record in caplog.records if record.message == "billed"]  # type: ignore[attr-defined]
    assert len(billed) == len(set(billed))
