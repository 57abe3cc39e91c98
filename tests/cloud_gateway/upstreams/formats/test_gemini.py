"""generateContent: what is posted where, and what is made of its responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_gateway.upstreams.formats.format import Fault, Part
from cloud_gateway.upstreams.formats.gemini import GeminiFormat
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import FinishReason, Role, Sampling, Usage

FORMAT = GeminiFormat()


def chat(*turns: tuple[Role, str], prefix: str = "", **sampling: Any) -> Chat:
    messages = tuple(OutboundMessage(role, arrived(text)) for role, text in turns or (("user", "Grüß Gott 🐝"),))
    return Chat(model="m", messages=messages, sampling=Sampling(**sampling), prefix=arrived(prefix))


def posted(asked: Chat, spoken: GeminiFormat = FORMAT) -> Any:
    return json.loads(spoken.body(asked, "g", stream=True))


def test_a_plain_chat() -> None:
    assert posted(chat()) == {
        "contents": [{"role": "user", "parts": [{"text": "Grüß Gott 🐝"}]}],
        "generationConfig": {"maxOutputTokens": 256, "temperature": 0.0},
    }
    assert FORMAT.headers("k") == {"x-goog-api-key": "k"}
    assert FORMAT.headers(None) == {}


def test_the_official_client_posts_the_same() -> None:
    # What version 3.4.0 of it sent for the same chat.
    official = (
        '{"contents":[{"parts":[{"text":"Hi"}],"role":"user"}],"systemInstruction":{"parts":[{"text":"s"}]},'
        '"generationConfig":{"temperature":0.5,"topP":0.9,"maxOutputTokens":256,"stopSequences":["END"],"seed":3}}'
    )
    asked = chat(("system", "s"), ("user", "Hi"), temperature=0.5, top_p=0.9, seed=3, stop=("END",))
    assert posted(asked) == json.loads(official)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-x", "models/gemini-x:generateContent"),
        ("tunedModels/mine", "tunedModels/mine:generateContent"),
        ("a?b#c", "models/a%3Fb%23c:generateContent"),
    ],
)
def test_the_model_is_in_the_path_and_the_key_is_not(model: str, path: str) -> None:
    assert FORMAT.path(model, stream=False) == path
    assert FORMAT.path(model, stream=True) == path.replace(":gen", ":streamGen") + "?alt=sse"


def test_system_messages_stand_apart_and_roles_alternate() -> None:
    asked = posted(chat(("system", "s"), ("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")))
    assert asked["systemInstruction"] == {"parts": [{"text": "s"}]}
    assert [(turn["role"], [part["text"] for part in turn["parts"]]) for turn in asked["contents"]] == [
        ("user", ["a", "b"]),
        ("model", ["c"]),
        ("user", ["d"]),
    ]


def test_sampling_keeps_to_what_the_api_takes() -> None:
    hot = chat(temperature=9.0, top_p=0.5, seed=-1, min_p=0.1, stop=tuple("abcdefg"))
    assert posted(hot)["generationConfig"] == {
        "maxOutputTokens": 256,
        "temperature": 2.0,
        "topP": 0.5,
        "seed": 2**31 - 1,
        "stopSequences": list("abcde"),
    }
    assert "temperature" not in posted(hot, GeminiFormat(sampling=False))["generationConfig"]


def test_a_prefix_is_asked_for_or_filled_in() -> None:
    assert [turn["role"] for turn in posted(chat(prefix="Bees "))["contents"]] == ["user", "model", "user"]
    filled = posted(chat(prefix="Bees "), GeminiFormat(continuation="prefill"))["contents"]
    assert [turn["role"] for turn in filled] == ["user", "model"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (
            '{"candidates":[{"content":{"role":"model","parts":[{"text":"secret","thought":true},{"text":"H"},'
            '{"text":"i","thoughtSignature":"x"}]},"index":0}],"usageMetadata":{"promptTokenCount":3,'
            '"candidatesTokenCount":2,"thoughtsTokenCount":5,"totalTokenCount":10}}',
            Part("Hi", usage=Usage(3, 7)),
        ),
        ('{"candidates":[{"content":{"role":"model"},"finishReason":"STOP"}]}', Part(finish_reason=FinishReason.STOP)),
        ('{"candidates":[{"finishReason":"MAX_TOKENS"}]}', Part(finish_reason=FinishReason.LENGTH)),
        ('{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}', Part()),
        ('{"candidates":[{"finishReason":"OTHER"}]}', Part(fault=Fault(type="OTHER"))),
        ('{"candidates":[{"finishReason":"SAFETY"}]}', Part(finish_reason=FinishReason.STOP, filtered=True)),
        ('{"candidates":[{"finishReason":"ONE_OF_NEXT_YEAR"}]}', Part(finish_reason=FinishReason.STOP, filtered=True)),
        ('{"promptFeedback":{"blockReason":"SAFETY"}}', Part(finish_reason=FinishReason.STOP, filtered=True)),
        ('{"promptFeedback":{}}', Part()),
        (
            '{"error":{"code":503,"message":"secret","status":"UNAVAILABLE"}}',
            Part(fault=Fault(type="UNAVAILABLE", http_status=503)),
        ),
        ('{"error":{"code":500,"status":"the secret"}}', Part(fault=Fault(http_status=500))),
        ("{}", Part()),
    ],
)
def test_what_the_api_says(data: str, part: Part) -> None:
    assert FORMAT.read_event(data) == part


def test_an_error_response_tells_how_long_to_wait() -> None:
    said = {
        "error": {
            "code": 429,
            "message": "secret",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaMetric": "secret"}]},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"},
            ],
        }
    }
    assert FORMAT.read_fault(json.dumps(said).encode()) == Fault(type="RESOURCE_EXHAUSTED", retry_after_s=34.07)
    assert FORMAT.read_fault(b"<html>") == Fault()


def test_a_wrong_key_is_the_operators_affair_though_the_api_calls_the_request_invalid() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    said = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [detail]}}
    assert FORMAT.read_fault(json.dumps(said).encode()) == Fault(type="API_KEY_INVALID", http_status=401)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "secret",
        "[]",
        '{"candidates":"secret"}',
        '{"candidates":[{"content":{"parts":[{"text":7}]}}]}',
        '{"usageMetadata":{"promptTokenCount":-1}}',
        f'{{"usageMetadata":{{"promptTokenCount":{10**30}}}}}',
        b"\xff",
        "[" * 100_000,
    ],
)
def test_nonsense_is_an_error_that_quotes_nothing(data: str | bytes) -> None:
    with pytest.raises(errors.CloudInternal) as failed:
        FORMAT.read_event(data)
    assert "secret" not in str(failed.value)


NAMES = ["candidates", "content", "parts", "text", "finishReason", "usageMetadata", "promptTokenCount", "error"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.binary(max_size=60) | st.dictionaries(st.sampled_from(NAMES), JSON).map(json.dumps))
def test_any_words_make_a_part_or_a_typed_error(data: str | bytes) -> None:
    try:
        part = FORMAT.read_event(data)
    except errors.CloudInternal:
        return
    assert isinstance(part.text, str)
