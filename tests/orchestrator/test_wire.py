"""The wire: domain values survive the way, errors keep their type, nonsense is refused by name."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.chat import NANO, Chat, Generation, Price, ServedModel
from orchestrator.format import Format
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, FinishReason, Role, Sampling, Started, TextDelta, Usage
from orchestrator.units import Energy, EnergySource
from orchestrator.v1 import chat_pb2, gateway_service_pb2
from orchestrator.wire import answers, limits, requests, status


def said(role: Role, text: str) -> OutboundMessage:
    return OutboundMessage(role, arrived(text))


CHAT = Chat(model="m", messages=(said("user", "hello"),), sampling=Sampling())

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128)
counts = st.integers(0, 2**63 - 1)
amounts = st.floats(0, 1e12)
earlier = st.lists(st.builds(said, st.sampled_from(["system", "user", "assistant"]), texts), max_size=5)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 100),
    top_p=st.floats(0, 1, exclude_min=True),
    min_p=st.floats(0, 1),
    seed=st.integers(-(2**63), 2**63 - 1),
    max_tokens=st.integers(1, limits.MAX_TOKENS),
    stop=st.lists(names, max_size=limits.MAX_STOPS).map(tuple),
)
chats = st.builds(
    Chat,
    model=names,
    messages=st.tuples(earlier, texts).map(lambda turns: (*turns[0], said("user", turns[1]))),
    sampling=samplings,
    prefix=texts,
)
receipts = st.builds(
    Completed,
    st.builds(Usage, counts, counts, st.booleans()),
    st.sampled_from(FinishReason),
    st.integers(0, 2**50).map(lambda nano: nano / NANO),
    st.builds(Energy, amounts, amounts, st.sampled_from(EnergySource)),
)


@given(ids, chats)
def test_a_request_survives_the_way(request_id: str, chat: Chat) -> None:
    for encode in requests.encode_generate, requests.encode_stream:
        message = encode(request_id, chat)
        there = type(message).FromString(message.SerializeToString())
        assert requests.decode(there) == (request_id, chat)


@given(st.one_of(st.builds(Started, texts), st.builds(TextDelta, texts), receipts))
def test_an_event_survives_the_way(event: Started | TextDelta | Completed) -> None:
    message = answers.encode_event(event).SerializeToString()
    assert answers.decode_event(gateway_service_pb2.StreamGenerateResponse.FromString(message)) == event


@given(texts, texts, receipts)
def test_a_whole_answer_survives_the_way(model: str, text: str, receipt: Completed) -> None:
    assert answers.decode_answer(answers.encode_answer(model, text, receipt)) == Generation(
        text=text,
        model=model,
        usage=receipt.usage,
        finish_reason=receipt.finish_reason,
        usd=receipt.usd,
        cloud_energy=receipt.cloud_energy,
    )


@given(st.lists(st.builds(ServedModel, name=names, context_tokens=st.integers(1, 2**31 - 1), price=st.builds(Price))))
def test_the_models_survive_the_way(models: list[ServedModel]) -> None:
    assert answers.decode_models(answers.encode_models(models)) == models


def test_what_is_left_out_has_the_defaults_of_the_domain() -> None:
    chat = chat_pb2.Chat(model="m", messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, text="hi")])
    _, decoded = requests.decode(gateway_service_pb2.GenerateRequest(request_id="r", chat=chat))
    assert decoded.sampling == Sampling()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("min_p", -0.1),
        ("min_p", math.nan),
        ("max_tokens", 0),
        ("max_tokens", -5),
        ("max_tokens", limits.MAX_TOKENS + 1),
        ("stop", ("",)),
        ("stop", ("x" * (limits.MAX_STOP_CHARS + 1),)),
        ("stop", ("x",) * (limits.MAX_STOPS + 1)),
    ],
)
def test_hostile_sampling_is_refused_by_name_at_both_ends(field: str, value: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match=f"sampling.{field} has to be"):
        requests.encode_generate("r", replace(CHAT, sampling=replace(Sampling(), **{field: value})))

    message = requests.encode_generate("r", CHAT)
    if field == "stop":
        message.chat.sampling.stop.extend(value)
    else:
        setattr(message.chat.sampling, field, value)
    with pytest.raises(errors.InvalidRequest, match=f"sampling.{field} has to be"):
        requests.decode(message)


@pytest.mark.parametrize(
    ("request_id", "changes", "named"),
    [
        ("", {}, "request_id"),
        ("x" * 129, {}, "request_id"),
        ("two words", {}, "request_id"),
        ("line\n", {}, "request_id"),
        ("r", {"model": ""}, "chat.model"),
        ("r", {"model": "m" * 257}, "chat.model"),
        ("r", {"messages": ()}, "chat.messages"),
        ("r", {"messages": (said("assistant", "hi"),)}, "chat.messages"),
        ("r", {"messages": (said("user", "hi"),) * (limits.MAX_MESSAGES + 1)}, "chat.messages"),
        ("r", {"messages": (said("robot", "hi"), said("user", "hi"))}, "unknown role"),  # type: ignore[arg-type]
        ("r", {"messages": (said("user", "\ud800"),)}, "no valid Unicode"),
        ("r", {"messages": (said("user", 7),)}, "wrong type"),  # type: ignore[arg-type]
        ("r", {"messages": (said("user", "x" * limits.MAX_MESSAGE_BYTES),)}, "bytes"),
        ("r", {"sampling": Sampling(seed=2**63)}, "seed"),
        ("r", {"sampling": Sampling(format=Format.json_object())}, "without a format"),
        ("r", {"messages": (said("tool", "42"), said("user", "hi"))}, "without tools"),
        ("r", {"sampling": Sampling(temperature="hot")}, "wrong type"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_asked_is_not_sent(request_id: str, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=named):
        requests.encode_stream(request_id, replace(CHAT, **changes))


@pytest.mark.parametrize("role", [0, 4, 99])
def test_an_unknown_role_is_refused_by_place(role: Any) -> None:
    message = requests.encode_generate("r", CHAT)
    message.chat.messages.add(role=role, text="hi")
    with pytest.raises(errors.InvalidRequest, match=r"chat.messages\[1\].role"):
        requests.decode(message)


@given(st.binary(max_size=200))
def test_any_bytes_decode_to_a_request_or_a_typed_error(data: bytes) -> None:
    message = gateway_service_pb2.GenerateRequest()
    try:
        message.ParseFromString(data)
    except Exception:  # gRPC answers what is not protobuf at all
        return
    with suppress(errors.InvalidRequest):
        requests.decode(message)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda finished: setattr(finished, "finish_reason", 0),
        lambda finished: setattr(finished, "finish_reason", 77),
        lambda finished: setattr(finished, "cost_nano_usd", -1),
        lambda finished: setattr(finished.usage, "prompt_tokens", -1),
        lambda finished: setattr(finished.usage, "completion_tokens", -1),
        lambda finished: setattr(finished.cloud_energy, "joules", math.nan),
        lambda finished: setattr(finished.cloud_energy, "uncertainty_joules", -1.0),
        lambda finished: setattr(finished.cloud_energy, "source", 0),
    ],
)
def test_a_receipt_that_makes_no_sense_is_the_gateways_fault(spoil: Any) -> None:
    message = answers.encode_event(Completed(Usage(1, 2), FinishReason.STOP))
    spoil(message.finished)
    with pytest.raises(errors.CloudInternal):
        answers.decode_event(message)


def test_an_event_of_a_newer_gateway_is_passed_over() -> None:
    assert answers.decode_event(gateway_service_pb2.StreamGenerateResponse()) is None


@pytest.mark.parametrize("spoil", [{"context_tokens": 0}, {"price": {"prompt_nano_usd_per_million_tokens": -1}}])
def test_a_model_that_makes_no_sense_is_the_gateways_fault(spoil: dict[str, Any]) -> None:
    good: dict[str, Any] = {"name": "m", "context_tokens": 10}
    model = gateway_service_pb2.Model(**good | spoil)
    with pytest.raises(errors.CloudInternal):
        answers.decode_models(gateway_service_pb2.ListModelsResponse(models=[model]))


@given(counts, counts, st.integers(0, 10**15), st.integers(0, 10**15))
def test_money_is_exact_and_never_rounded_down(prompt: int, completion: int, read_price: int, write_price: int) -> None:
    cost = Price(read_price, write_price).cost_nano_usd(Usage(prompt, completion))
    owed = prompt * read_price + completion * write_price
    assert owed <= cost * 10**6 < owed + 10**6


def every_cloud_error() -> list[type[errors.CloudError]]:
    return errors.CloudError.__subclasses__()


@pytest.mark.parametrize("kind", every_cloud_error())
@pytest.mark.parametrize(("retry_after_s", "resumable"), [(None, True), (0.0, False), (1.5, True), (86_400.25, False)])
def test_a_cloud_error_keeps_its_type_its_remedy_and_its_wait(
    kind: type[errors.CloudError], retry_after_s: float | None, resumable: bool
) -> None:
    broken = kind("it broke", remedy="mend it", retry_after_s=retry_after_s, resumable=resumable)
    code, message, trailers = status.encode(broken)
    error = status.decode(code, message, trailers, target="host:1")
    assert type(error) is kind
    assert error.message == "gateway host:1: it broke"
    assert error.remedy == "mend it"
    assert error.retry_after_s == retry_after_s
    assert error.resumable is resumable


@pytest.mark.parametrize(
    ("error", "code", "arrives"),
    [
        (errors.InvalidRequest("x"), grpc.StatusCode.INVALID_ARGUMENT, errors.CloudRejected),
        (errors.ContextWindowExceeded("x"), grpc.StatusCode.INVALID_ARGUMENT, errors.CloudRejected),
        (errors.ModelNotFound("x"), grpc.StatusCode.NOT_FOUND, errors.CloudRejected),
        (errors.BudgetExhausted("x"), grpc.StatusCode.RESOURCE_EXHAUSTED, errors.CloudRateLimited),
        (errors.DeadlineExceeded("x"), grpc.StatusCode.DEADLINE_EXCEEDED, errors.CloudTimeout),
        (errors.Cancelled("x"), grpc.StatusCode.CANCELLED, errors.CloudUnavailable),
        (errors.CloudTruncated("x"), grpc.StatusCode.INTERNAL, errors.CloudTruncated),
        (errors.StoreCorrupt("x"), grpc.StatusCode.INTERNAL, errors.CloudInternal),
    ],
)
def test_every_error_has_a_status(
    error: errors.EdgewiseError, code: grpc.StatusCode, arrives: type[errors.CloudError]
) -> None:
    sent, message, trailers = status.encode(error)
    assert sent is code
    assert type(status.decode(sent, message, trailers, target="t")) is arrives


def test_the_details_of_another_service_do_not_choose_the_type() -> None:
    _, message, trailers = status.encode(errors.CloudRateLimited("x", remedy="theirs", retry_after_s=3))
    details = dict(trailers)[status.DETAILS_KEY]
    assert isinstance(details, bytes)
    theirs = details.replace(b"edgewise", b"otherone")
    error = status.decode(grpc.StatusCode.UNAVAILABLE, message, [(status.DETAILS_KEY, theirs)], target="t")
    assert type(error) is errors.CloudUnavailable
    assert error.remedy != "theirs"
    assert error.retry_after_s == 3


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_that_grpc_itself_made_becomes_a_typed_error(code: grpc.StatusCode) -> None:
    error = status.decode(code, "Socket closed", [], target="host:1")
    assert isinstance(error, errors.CloudError)
    assert error.message == "gateway host:1: Socket closed"
    assert error.resumable is isinstance(error, errors.CloudUnavailable)


def test_a_message_over_the_limit_is_rejected_and_not_rate_limited() -> None:
    words = "SERVER: Received message larger than max (5000000 vs. 4194304)"
    error = status.decode(grpc.StatusCode.RESOURCE_EXHAUSTED, words, [], target="t")
    assert type(error) is errors.CloudRejected


def test_a_stream_that_a_proxy_cut_is_a_lost_connection_and_no_fault_of_the_gateway() -> None:
    words = "Stream removed (RST_STREAM (Received RST_STREAM with error code 2))"
    decoded = status.decode(grpc.StatusCode.INTERNAL, words, (), target="here")
    assert type(decoded) is errors.CloudUnavailable


@given(st.binary(max_size=100))
def test_damaged_details_leave_the_code_to_tell(data: bytes) -> None:
    error = status.decode(grpc.StatusCode.UNAVAILABLE, None, [(status.DETAILS_KEY, data)], target="t")
    assert isinstance(error, errors.CloudError)


def test_a_status_fits_into_headers() -> None:
    _, message, trailers = status.encode(errors.CloudInternal("x" * 50_000, remedy="y" * 50_000))
    assert len(message) + sum(len(value) for _, value in trailers) < 4096


@pytest.mark.parametrize(("retry_after_s", "pushback"), [(None, None), (0.0, "1"), (0.25, "250"), (7.0, "-1")])
def test_a_channel_waits_a_little_by_itself_and_leaves_more_to_its_caller(
    retry_after_s: float | None, pushback: str | None
) -> None:
    _, _, trailers = status.encode(errors.CloudUnavailable("x", retry_after_s=retry_after_s))
    assert dict(trailers).get("grpc-retry-pushback-ms") == pushback


def test_a_call_that_grpc_itself_dropped_may_be_tried_again_after_a_wait() -> None:
    error = status.decode(grpc.StatusCode.CANCELLED, "", (), target="t")
    assert (type(error), error.retry_after_s) == (errors.CloudUnavailable, 1.0)
