"""How a model is brought to go on from a prefix, in each way and format."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.formats.choice import choose
from cloud_gateway.upstreams.formats.continuing import Continuation, ending, request, turns
from cloud_gateway.upstreams.formats.openai import OpenAiFormat
from orchestrator.chat import Chat
from orchestrator.joint import Joint
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Sampling


def chat(prefix: str) -> Chat:
    messages = (OutboundMessage("user", arrived("What do bees make?")),)
    return Chat(model="m", messages=messages, sampling=Sampling(max_tokens=9, stop=("END",)), prefix=arrived(prefix))


def posted(continuation: Continuation, prefix: str = "Bees make honey") -> Any:
    return json.loads(OpenAiFormat(continuation=continuation).body(chat(prefix), "m", stream=True))


def test_each_way_of_openais_format() -> None:
    flags = {"continue_final_message": True, "add_generation_prompt": False}
    begun = {"role": "assistant", "content": "Bees make honey"}
    assert flags.items() <= posted("vllm").items()
    assert posted("vllm")["messages"][-1] == begun
    assert posted("mistral")["messages"][-1] == begun | {"prefix": True}
    assert posted("prefill")["messages"][-1] == begun
    assert [turn["role"] for turn in posted("ask")["messages"]] == ["user", "assistant", "user"]
    for way in ("mistral", "prefill", "ask"):
        assert not flags.keys() & posted(way).keys()


@pytest.mark.parametrize("way", get_args(Continuation))
def test_a_chat_without_a_prefix_is_the_same_in_every_way(way: Continuation) -> None:
    assert posted(way, "") == posted("vllm", "")
    assert posted(way)["max_tokens"] == 9
    assert posted(way)["stop"] == ["END"]


def test_nothing_is_asked_for_behind_a_blank() -> None:
    assert turns(chat("\n "), "ask") == [("user", "What do bees make?")]


def test_the_way_of_a_format_is_what_all_its_models_take() -> None:
    ways = {
        spoken: choose(UpstreamSection.model_validate({"base_url": "http://a", "format": spoken})).continuation  # type: ignore[attr-defined]
        for spoken in ("openai", "anthropic", "gemini")
    }
    assert ways == {"openai": "vllm", "anthropic": "ask", "gemini": "ask"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"format": "gemini", "continuation": "vllm"}, "OpenAI-compatible"),
        ({"format": "openai", "prompt_cache": True}, "format: anthropic"),
    ],
)
def test_a_way_that_a_format_does_not_have_is_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        UpstreamSection.model_validate({"base_url": "http://a", **keys})


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("The sky is blue.", "The sky is blue."),
        (
            "It is so. The sky above us is blue because of a process called",
            "The sky above us is blue because of a process called",
        ),
        ("One. Two. Three four five six seven eight nine. Ten", "Three four five six seven eight nine. Ten"),
        ("* flour\n* a cup of milk\n* two eggs, and a spoon of\n", "* a cup of milk\n* two eggs, and a spoon of"),
        ("word " * 90, "word " * 46 + "word"),
        ("", ""),
    ],
)
def test_a_model_is_shown_the_last_sentence_or_line_and_some_words(prefix: str, end: str) -> None:
    assert ending(prefix) == end


@given(st.text(max_size=600))
def test_what_a_model_is_to_repeat_ends_the_prefix_word_for_word(prefix: str) -> None:
    end = ending(prefix)
    assert prefix.strip().endswith(end)
    assert end in request(prefix)
    assert bool(end) == bool(prefix.strip())


@pytest.mark.parametrize(
    "prefix",
    [
        "It is so. The sky above us is blue because of a process called",
        "One. Two. Three four five six seven eight nine. Ten",
        "```python\ndef fibonacci(n):\n    if n <= 0:\n        return",
    ],
)
def test_what_was_repeated_is_trimmed(prefix: str) -> None:
    joint = Joint(prefix)
    assert joint.push(ending(prefix) + " behind it") + joint.flush() == " behind it"
