"""What is posted to the upstream, and what is made of its words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.formats.format import Fault, Part
from cloud_gateway.upstreams.formats.openai import OpenAiFormat
from orchestrator import errors
from orchestrator.chat import Chat
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import FinishReason, Sampling, Usage

FORMAT = OpenAiFormat()
CHAT = Chat(model="m", messages=(OutboundMessage("user", arrived("Grüß Gott 🐝")),), sampling=Sampling())


def test_a_plain_chat_holds_nothing_that_a_simple_server_could_not_know() -> None:
    assert json.loads(FORMAT.body(CHAT, "vendor/m", stream=False)) == {
        "model": "vendor/m",
        "messages": [{"role": "user", "content": "Grüß Gott 🐝"}],
        "max_tokens": 256,
        "temperature": 0.0,
    }


def test_a_stream_asks_for_its_usage() -> None:
    posted = json.loads(FORMAT.body(CHAT, "m", stream=True))
    assert posted["stream"] is True
    assert posted["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ('{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}', Part("Hi")),
        ('{"choices":[{"delta":{"role":"assistant","content":null}}],"unknown":[1,{}]}', Part()),
        ('{"choices":[{"delta":{},"finish_reason":"stop"}]}', Part(finish_reason=FinishReason.STOP)),
        ('{"choices":[{"delta":{},"finish_reason":"length"}]}', Part(finish_reason=FinishReason.LENGTH)),
        ('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}', Part(usage=Usage(3, 4))),
        ('{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}', Part("Hi", FinishReason.STOP)),
        ('{"error":{"code":"overloaded","message":"secret"}}', Part(fault=Fault(code="overloaded"))),
        ('{"error":"secret"}', Part(fault=Fault())),
        ("{}", Part()),
    ],
)
def test_what_upstreams_say(data: str, part: Part) -> None:
    assert FORMAT.read(data) == part


@pytest.mark.parametrize("done", ["[DONE]", b"[DONE]"])
def test_a_stream_has_an_end(done: str | bytes) -> None:
    assert FORMAT.read_event(done) == Part(last=True)
    assert not FORMAT.read_event('{"choices":[{"delta":{},"finish_reason":"stop"}]}').last


def test_a_filtered_answer_is_known() -> None:
    assert FORMAT.read('{"choices":[{"delta":{},"finish_reason":"content_filter"}]}').filtered


@pytest.mark.parametrize(
    "data",
    [
        "",
        "secret",
        "[]",
        '{"choices":{}}',
        '{"choices":[{"delta":{"content":7}}]}',
        '{"usage":{"prompt_tokens":"secret"}}',
        '{"usage":{"prompt_tokens":-1}}',
        '{"choices":[{"delta":{"content":"\\ud800"}}]}',
        b"\xff\xfe",
        "[" * 100_000,
    ],
)
def test_nonsense_is_an_error_that_quotes_nothing(data: str | bytes) -> None:
    with pytest.raises(errors.CloudInternal) as failed:
        FORMAT.read(data)
    assert "secret" not in str(failed.value)


@given(st.binary(max_size=100) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_words_make_a_part_or_a_typed_error(data: str | bytes) -> None:
    try:
        part = FORMAT.read(data)
    except errors.CloudInternal:
        return
    assert isinstance(part.text, str)


def test_an_error_page_says_nothing() -> None:
    assert FORMAT.read_fault(b"<html>Bad gateway</html>") == Fault()
    assert FORMAT.read_fault(b'{"error":{"type":"invalid_request_error","param":"max_tokens"}}') == Fault(
        type="invalid_request_error", param="max_tokens"
    )
