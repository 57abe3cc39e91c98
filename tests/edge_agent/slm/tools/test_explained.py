"""Tools for models that know none."""

from __future__ import annotations

from edge_agent.slm.tools.explained import explained
from orchestrator.tools import Tool, ToolCall
from orchestrator.types import Message, Sensitivity

WEATHER = Tool("weather", "Of a city", '{"type": "object", "properties": {"city": {"type": "string"}}}')


def test_without_tools_nothing_changes() -> None:
    messages = [Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hi"), Message("user", "?")]
    assert explained(messages) == messages


def test_the_system_says_what_may_be_called_and_how() -> None:
    system, user = explained([Message("system", "Be brief.", tools=(WEATHER,)), Message("user", "Rain?")])
    assert system.text.startswith("Be brief.\n\nYou may call")
    assert '"name": "weather", "description": "Of a city", "parameters": {"type": "object"' in system.text
    assert '<tool_call>\n{"name": <function-name>, "arguments": <arguments-object>}\n</tool_call>' in system.text
    assert not system.tools
    assert user.text == "Rain?"


def test_calls_and_results_are_turns_of_assistant_and_user() -> None:
    calls = (ToolCall("weather", '{"city": "Rome"}'), ToolCall("weather", '{"city": "Oslo"}'))
    private = Sensitivity.PRIVATE
    messages = [
        Message("user", "Rain?"),
        Message("assistant", "Let me see.", private, calls=calls),
        Message("tool", "no", private),
        Message("tool", "yes"),
    ]
    assert explained(messages)[1:] == [
        Message(
            "assistant",
            'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
            private,
        ),
        Message("user", "<tool_response>\nno\n</tool_response>\n<tool_response>\nyes\n</tool_response>", private),
    ]
