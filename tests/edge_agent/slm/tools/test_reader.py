"""Calls read back from text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.tools.reader import Arguments, CallBegun, Event, Said, ToolCallReader
from edge_agent.slm.tools.syntax import written
from orchestrator.tools import ToolCall

ONE = written("", [ToolCall("f", '{"a": "}\\n</tool_call>"}')])


def read(*pieces: str) -> list[Event]:
    """The events, those of one kind that follow each other joined."""
    reader = ToolCallReader()
    events = [event for piece in pieces for event in reader.push(piece)] + list(reader.flush())
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, Said) and isinstance(last, Said):
            joined[-1] = Said(last.text + event.text)
        elif isinstance(event, Arguments) and isinstance(last, Arguments):
            joined[-1] = Arguments(last.text + event.text)
        else:
            joined.append(event)
    return joined


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("", []),
        ("Hello, you. ", [Said("Hello, you.")]),
        ("a < b", [Said("a < b")]),
        ("ends with <tool", [Said("ends with <tool")]),
        (ONE, [CallBegun("f"), Arguments('{"a": "}\\n</tool_call>"}')]),
        (f"So:\n\n{ONE}", [Said("So:"), CallBegun("f"), Arguments('{"a": "}\\n</tool_call>"}')]),
        (ONE[:-14], [CallBegun("f"), Arguments('{"a": "}\\n</tool_call>"')]),
        ("Hm <tool_call>\n{", [Said("Hm")]),
    ],
)
def test_what_is_said_and_what_is_called(text: str, events: list[Event]) -> None:
    assert read(text) == events
    assert read(*text) == events


texts = st.text(alphabet="ab <\n", max_size=8).filter(lambda text: text == text.strip())
calls = st.lists(
    st.builds(
        ToolCall, st.sampled_from(["f", "g-1"]), st.sampled_from(["{}", '{"a": [1, "<tool_call>"]}', '{"b": "é"}'])
    )
)


@given(said=texts, called=calls, cuts=st.lists(st.integers(0, 300)))
def test_reading_is_the_inverse_of_writing(said: str, called: list[ToolCall], cuts: list[int]) -> None:
    text = written(said, called)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    events = read(*(text[a:b] for a, b in pairwise(places)))
    wanted: list[Event] = [Said(said)] if said else []
    for call in called:
        wanted += [CallBegun(call.name), Arguments(call.arguments)]
    assert events == wanted
