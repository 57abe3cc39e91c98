"""What may be saved of a prompt: what comes before anything personal, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge_agent
from edge_agent.slm.system_prompt import SystemPrompt, system_prompt
from orchestrator.errors import InvalidRequest
from orchestrator.types import Message, Sensitivity

SYSTEM = Message("system", "Be brief.")


def encode(messages: Sequence[Message]) -> list[int]:
    """A chat template whose tokens are characters, with a system text of its own."""
    turns = messages if messages[0].role == "system" else [Message("system", "default"), *messages]
    return [ord(c) for turn in turns for c in f"<{turn.role}>{turn.text}</>"] + [ord(c) for c in "<assistant>"]


def text(messages: Sequence[Message]) -> str | None:
    made = system_prompt(messages, encode(messages), encode)
    return None if made is None else "".join(map(chr, made.tokens))


def test_it_ends_where_the_user_begins() -> None:
    assert text([SYSTEM, Message("user", "My PIN is 1234")]) == "<system>Be brief.</><user>"


def test_without_a_system_message_the_templates_own_counts() -> None:
    assert text([Message("user", "My PIN is 1234")]) == "<system>default</><user>"


@pytest.mark.parametrize("label", [Sensitivity.PERSONAL, Sensitivity.PRIVATE])
def test_a_system_message_that_is_not_public_has_none(label: Sensitivity) -> None:
    messages = [Message("system", "Ann is allergic to nuts.", label), Message("user", "Hi")]
    assert system_prompt(messages, encode(messages), encode) is None


def test_a_system_message_that_tells_of_earlier_turns_has_none() -> None:
    messages = [replace(SYSTEM, at=datetime(2026, 11, 23, tzinfo=UTC)), Message("user", "Hi")]
    assert system_prompt(messages, encode(messages), encode) is None


def test_a_template_that_takes_no_empty_conversation_has_none() -> None:
    def strict(messages: Sequence[Message]) -> list[int]:
        if not messages[-1].text:
            raise InvalidRequest("no")
        return encode(messages)

    messages = [SYSTEM, Message("user", "Hi")]
    assert system_prompt(messages, encode(messages), strict) is None


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_it_is_the_same_whatever_the_turns_say(turns: list[str]) -> None:
    """Or shorter, where a turn happens to look like the template."""
    said = [Message(("user", "assistant")[at % 2], turn) for at, turn in enumerate(turns)]
    prompt, empty = encode([SYSTEM, *said]), encode([SYSTEM, Message("user", "")])
    made = system_prompt([SYSTEM, *said], prompt, encode)
    assert made is not None
    assert list(made.tokens) == empty[: len(made.tokens)], "nothing in it that an empty conversation has not"
    assert made.begins(prompt)


def test_nobody_else_makes_one() -> None:
    with pytest.raises(TypeError):
        SystemPrompt((1, 2, 3), object())
    sources = [path for path in Path(edge_agent.__file__).parent.rglob("*.py") if path.name != "system_prompt.py"]
    assert not [path for path in sources if "SystemPrompt(" in path.read_text(encoding="utf-8")]
