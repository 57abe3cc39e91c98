"""The form that a body asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.serve.chat_body import read_body
from edge_agent.serve.form import Form, read_form
from orchestrator.format import Format
from orchestrator.tools import NO_PARAMETERS, Tool

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"const": 0.1}}}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Of a city", "parameters": SCHEMA}}
CLOCK = {"type": "function", "function": {"name": "clock", "strict": True}}
TOOLS = (Tool("weather", "Of a city", json.dumps(SCHEMA)), Tool("clock", "", NO_PARAMETERS))


def form_of(**fields: Any) -> Form:
    body = {"model": "edgewise", "messages": [{"role": "user", "content": "hello"}], **fields}
    return read_form(read_body(json.dumps(body).encode()))


def test_no_form_by_default() -> None:
    assert form_of() == form_of(response_format={"type": "text"}, tools=[], tool_choice="auto") == Form()


def test_json_and_our_own_forms() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}
    assert form_of(response_format={"type": "json_object"}) == Form(Format.json_object(), "response_format")
    assert form_of(response_format=wanted) == Form(Format.json_schema(SCHEMA), "response_format")
    assert form_of(edgewise={"regex": "a|b"}) == Form(Format.regex("a|b"), "edgewise.regex")
    assert form_of(edgewise={"lark": 'start: "a"'}) == Form(Format.lark('start: "a"'), "edgewise.lark")


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({}, Format.tools(TOOLS)),
        ({"tool_choice": "auto", "parallel_tool_calls": True}, Format.tools(TOOLS)),
        ({"parallel_tool_calls": False}, Format.tools(TOOLS, parallel=False)),
        ({"tool_choice": "required"}, Format.tools(TOOLS, required=True)),
        (
            {"tool_choice": {"type": "function", "function": {"name": "clock"}}},
            Format.tools(TOOLS[1:], required=True, parallel=False),
        ),
    ],
)
def test_tools_and_their_choice(fields: dict[str, Any], form: Format) -> None:
    read = form_of(tools=[WEATHER, CLOCK], **fields)
    assert read == Form(form, "tools", TOOLS)
    assert read.calls


def test_tools_that_may_not_be_called_are_told_all_the_same() -> None:
    assert form_of(tools=[WEATHER, CLOCK], tool_choice="none") == Form(tools=TOOLS)
    told = form_of(tools=[WEATHER, CLOCK], tool_choice="none", response_format={"type": "json_object"})
    assert told == Form(Format.json_object(), "response_format", TOOLS)
    assert not told.calls
