"""Messages of a body, with calls of tools among them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.serve.chat_body import read_body
from edge_agent.serve.conversation import read_conversation
from edge_agent.serve.errors import InvalidField
from edge_agent.serve.labels import Labels
from edge_agent.slm.tools.syntax import written
from orchestrator.tools import Tool, ToolCall
from orchestrator.types import Message, Sensitivity

USER = {"role": "user", "content": "Weather in Rome and Oslo?"}
CALLS = (ToolCall("weather", '{"city": "Rome"}'), ToolCall("weather", '{"city": "Oslo"}'))


def call(name: str, call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


ASSISTANT = {
    "role": "assistant",
    "content": None,
    "tool_calls": [call("weather", "c1", '{"city": "Rome"}'), call("weather", "c2", '{"city": "Oslo"}')],
}


def read(*turns: dict[str, Any], tools: tuple[Tool, ...] = (), labels: Labels | None = None) -> tuple[Message, ...]:
    body = read_body(json.dumps({"model": "edgewise", "messages": turns}).encode())
    return read_conversation(body, tools, labels or Labels(stranger=Sensitivity.PRIVATE)).messages


def result(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def test_calls_and_results_in_the_order_of_the_calls() -> None:
    messages = read(USER, ASSISTANT, result("c2", "3 degrees"), result("c1", "21 degrees"))
    assert [message.role for message in messages] == ["user", "assistant", "tool", "tool"]
    assert messages[1].calls == CALLS
    assert [message.text for message in messages[1:]] == ["", "21 degrees", "3 degrees"]


def test_the_system_message_names_the_tools() -> None:
    tools = (Tool("weather"),)
    assert read(USER, tools=tools)[0] == Message("system", "", tools=tools)
    assert read({"role": "developer", "content": "Be brief."}, USER, tools=tools)[0].text == "Be brief."


def test_what_tools_gave_back_is_as_private_as_an_answer_of_unknown_origin() -> None:
    turns = (USER, ASSISTANT, result("c1", "21 degrees"))
    assert [message.sensitivity.value for message in read(*turns)] == ["public", "private", "private"]
    labels = Labels(stranger=Sensitivity.PRIVATE)
    labels.remember(written("", CALLS), Sensitivity.PRIVATE)
    assert read(*turns, labels=labels)[1].sensitivity is Sensitivity.PRIVATE


@pytest.mark.parametrize(
    ("turns", "field"),
    [
        ([USER, result("c1", "x")], "messages[1].tool_call_id"),
        ([USER, ASSISTANT, result("c3", "x")], "messages[2].tool_call_id"),
        ([USER, ASSISTANT, USER, result("c1", "x")], "messages[3].tool_call_id"),
        ([USER, ASSISTANT, {"role": "tool", "content": "x"}], "messages[2].tool_call_id"),
        ([USER, ASSISTANT], "messages"),
        ([{**ASSISTANT, "role": "user"}], "messages[0].tool_calls"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].role"),
        (
            [USER, {"role": "assistant", "tool_calls": [call("f", "c1", "[1]")]}, result("c1", "x")],
            "messages[1].tool_calls[0].function.arguments",
        ),
        (
            [USER, {"role": "assistant", "tool_calls": [call("f", "c1", '{"a": ')]}, result("c1", "x")],
            "messages[1].tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(turns: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(*turns)
    assert caught.value.field == field
