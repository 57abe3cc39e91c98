"""Deltas add up to the message."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.serve.content import Content
from edge_agent.slm.tools.syntax import written
from orchestrator.tools import ToolCall

CALLS = [ToolCall("weather", '{"city": "Rome"}'), ToolCall("clock", "{}")]


def gather(content: Content, pieces: Sequence[str]) -> dict[str, Any]:
    """The message that a client makes of the deltas."""
    text, calls = "", list[dict[str, Any]]()
    for piece in pieces:
        for delta in content.push(piece):
            text += _take(delta, calls)
    for delta in content.flush():
        text += _take(delta, calls)
    return {"content": text or None, "tool_calls": calls} if calls else {"content": text}


def _take(delta: dict[str, Any], calls: list[dict[str, Any]]) -> str:
    for call in delta.get("tool_calls", ()):
        index = call.pop("index")
        if index == len(calls):
            calls.append(call)
        else:
            calls[index]["function"]["arguments"] += call["function"]["arguments"]
    return str(delta.get("content", ""))


@given(cuts=st.lists(st.integers(0, 200)), said=st.sampled_from(["", "Let me see."]), n=st.integers(0, 2))
def test_the_deltas_are_the_message_however_the_text_comes(cuts: list[int], said: str, n: int) -> None:
    text = written(said, CALLS[:n])
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    content = Content("r" * 32, calls=True)
    message = gather(content, [text[a:b] for a, b in pairwise(places)])
    assert message == content.message()
    assert content.calls == CALLS[:n]
    assert content.written == text
    assert len({call["id"] for call in message.get("tool_calls", ())}) == n


def test_without_tools_text_is_text() -> None:
    content = Content("r", calls=False)
    assert gather(content, ["<tool_call>", "\n"]) == {"content": "<tool_call>\n"} == content.message()
