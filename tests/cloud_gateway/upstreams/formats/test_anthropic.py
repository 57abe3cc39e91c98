"""The Messages API: what is posted, and what is made of its events."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_gateway.upstreams.formats.anthropic import AnthropicFormat
from cloud_gateway.upstreams.formats.format import Fault, Part
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import FinishReason, Role, Sampling, Usage

FORMAT = AnthropicFormat()


def chat(*turns: tuple[Role, str], prefix: str = "", **sampling: Any) -> Chat:
    messages = tuple(OutboundMessage(role, arrived(text)) for role, text in turns or (("user", "Grüß Gott 🐝"),))
    return Chat(model="m", messages=messages, sampling=Sampling(**sampling), prefix=arrived(prefix))


def posted(asked: Chat, spoken: AnthropicFormat = FORMAT, *, stream: bool = False) -> Any:
    return json.loads(spoken.body(asked, "claude-x", stream=stream))


def text(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": said} for said in texts]


def test_a_plain_chat() -> None:
    assert posted(chat()) == {
        "model": "claude-x",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": text("Grüß Gott 🐝")}],
    }
    assert posted(chat(), stream=True)["stream"] is True
    assert FORMAT.headers("k") == {"anthropic-version": "2026-10-21", "x-api-key": "k"}
    assert "x-api-key" not in FORMAT.headers(None)


def test_the_official_client_posts_the_same() -> None:
    # What version 2.12.0 of it sent for the same chat; a text is short for a block of text.
    official = (
        '{"max_tokens":256,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"model":"claude-x",'
        '"stop_sequences":["END"],"stream":true,"system":[{"type":"text","text":"s"}]}'
    )
    assert posted(chat(("system", "s"), ("user", "Hi"), stop=("END",)), stream=True) == json.loads(official)


def test_system_messages_stand_apart_and_roles_alternate() -> None:
    asked = chat(
        ("system", "Be brief."), ("user", "a"), ("user", "b"), ("assistant", "c"), ("system", "d"), ("user", "e")
    )
    body = posted(asked)
    assert body["system"] == text("Be brief.\n\nd")
    assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [
        ("user", text("a", "b")),
        ("assistant", text("c")),
        ("user", text("e")),
    ]


def test_turns_without_words_are_left_out_since_they_are_refused() -> None:
    assert [turn["role"] for turn in posted(chat(("assistant", " "), ("user", "a")))["messages"]] == ["user"]


def test_newer_models_are_asked_without_a_temperature_and_older_ones_within_its_range() -> None:
    hot = chat(temperature=1.7, top_p=0.5, seed=3, min_p=0.1)
    assert not {"temperature", "top_p", "seed", "min_p"} & posted(hot).keys()
    older = AnthropicFormat(sampling=True)
    assert older.headers(None) == {"anthropic-version": "2023-06-01"}
    assert posted(hot, older)["temperature"] == 1.0
    assert "top_p" not in posted(hot, older)
    assert posted(replace(hot, sampling=Sampling(temperature=1.0, top_p=0.5)), older)["top_p"] == 0.5


def test_stops_of_white_space_are_the_gateways_own() -> None:
    assert posted(chat(stop=("END", "\n\n")))["stop_sequences"] == ["END"]
    assert "stop_sequences" not in posted(chat(stop=("\n",)))


def test_a_prefix_is_asked_for_or_filled_in_without_the_space_behind_it() -> None:
    asked = posted(chat(prefix="Bees make "))["messages"]
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    filled = posted(chat(prefix="Bees make "), AnthropicFormat(continuation="prefill"))["messages"]
    assert [turn["role"] for turn in filled] == ["user", "assistant"]
    assert filled[-1]["content"] == text("Bees make")
    assert [
        turn["role"] for turn in posted(chat(prefix="\n"), AnthropicFormat(continuation="prefill"))["messages"]
    ] == ["user"]


def test_the_system_prompt_and_the_conversation_are_cached_where_that_is_wanted() -> None:
    body = posted(chat(("system", "s"), ("user", "a")), AnthropicFormat(prompt_cache=True))
    assert body["cache_control"] == body["system"][-1]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (
            '{"type":"message_start","message":{"content":[],"usage":{"input_tokens":3,"output_tokens":1,'
            '"cache_read_input_tokens":5,"cache_creation_input_tokens":7}}}',
            Part(usage=Usage(15, 1)),
        ),
        ('{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}', Part()),
        ('{"type":"ping"}', Part()),
        ('{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}', Part("Hi")),
        ('{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"secret"}}', Part()),
        ('{"type":"content_block_stop","index":0}', Part()),
        (
            '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}',
            Part(finish_reason=FinishReason.STOP, usage=Usage(0, 9)),
        ),
        (
            '{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}',
            Part(finish_reason=FinishReason.LENGTH),
        ),
        ('{"type":"message_stop"}', Part(last=True)),
        ('{"type":"something_new","delta":null}', Part()),
        (
            '{"type":"error","error":{"type":"overloaded_error","message":"secret"}}',
            Part(fault=Fault(type="overloaded_error", http_status=529)),
        ),
        ('{"type":"error","error":{"type":"secret"}}', Part(fault=Fault())),
        (
            '{"type":"message","content":[{"type":"thinking","thinking":"secret"},{"type":"text","text":"Hi"}],'
            '"stop_reason":"stop_sequence","usage":{"input_tokens":1,"output_tokens":2}}',
            Part("Hi", FinishReason.STOP, usage=Usage(1, 2)),
        ),
    ],
)
def test_what_the_api_says(data: str, part: Part) -> None:
    assert FORMAT.read_event(data) == part


def test_a_refusal_is_a_filter() -> None:
    assert FORMAT.read('{"type":"message_delta","delta":{"stop_reason":"refusal"}}').filtered


@pytest.mark.parametrize(
    "data",
    [
        "",
        "secret",
        "{}",
        '{"type":7}',
        '{"type":"message","content":"secret"}',
        '{"type":"message_delta","delta":{},"usage":{"output_tokens":-1}}',
        '{"type":"message_delta","delta":{},"usage":{"output_tokens":1e30}}',
        f'{{"type":"message_delta","delta":{{}},"usage":{{"output_tokens":{10**30}}}}}',
        '{"type":"content_block_delta","delta":{"text":"\\ud800"}}',
        b"\xff",
        "[" * 100_000,
    ],
)
def test_nonsense_is_an_error_that_quotes_nothing(data: str | bytes) -> None:
    with pytest.raises(errors.CloudInternal) as failed:
        FORMAT.read_event(data)
    assert "secret" not in str(failed.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "delta", "text", "content", "usage", "message", "error", "output_tokens"]), inner
        )
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(["message", "message_start", "message_delta", "content_block_delta", "error", "ping"])


@settings(max_examples=60)
@given(
    st.binary(max_size=60)
    | st.builds(
        lambda kind, rest: json.dumps({**rest, "type": kind}),
        KINDS,
        st.dictionaries(
            st.sampled_from(["delta", "content", "usage", "message", "error", "content_block", "stop_reason"]), JSON
        ),
    )
)
def test_any_words_make_a_part_or_a_typed_error(data: str | bytes) -> None:
    try:
        part = FORMAT.read_event(data)
    except errors.CloudInternal:
        return
    assert isinstance(part.text, str)


def test_an_error_response_tells_its_kind_alone() -> None:
    said = b'{"type":"error","error":{"type":"invalid_request_error","message":"secret"},"request_id":"secret"}'
    assert FORMAT.read_fault(said) == Fault(type="invalid_request_error")
    assert FORMAT.read_fault(b"<html>Bad gateway</html>") == Fault()
    assert FORMAT.read_fault(b'{"type":"message"}') == Fault()
