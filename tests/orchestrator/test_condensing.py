"""What older turns are condensed to: their own sentences, the ones that matter first."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.condensing import condense
from orchestrator.types import Message

SMALL_TALK = [
    Message("user", "What is the capital of Italy? And what do people eat there?"),
    Message("assistant", "It is Rome. People there eat pasta and pizza and ice cream."),
]


def at_most(n: int, turns: Sequence[Message]) -> list[str]:
    return condense(turns, fits=lambda lines: len(lines) <= n).splitlines()


def test_promises_facts_and_figures_come_before_small_talk() -> None:
    turns = [
        *SMALL_TALK,
        Message("user", "My sister is called Ada. By the way, the weather is lovely, is it not?"),
        Message("assistant", "I will remind you of the train at 17:40."),
        *SMALL_TALK,
        Message("user", "Let's meet at the library on Friday."),
    ]
    assert at_most(3, turns) == [
        "User: My sister is called Ada.",
        "Assistant: I will remind you of the train at 17:40.",
        "User: Let's meet at the library on Friday.",
    ]


def test_what_was_said_twice_is_told_once() -> None:
    turns = [Message("user", "I promise to call Uma."), Message("user", "I promise to call Uma."), *SMALL_TALK]
    assert at_most(2, turns)[0] == "User: I promise to call Uma."
    assert len(set(at_most(2, turns))) == 2


def test_promises_that_differ_in_a_name_or_a_number_are_both_kept() -> None:
    said = [f"I will bring {n} apples to {name}." for n, name in ((3, "Uma"), (4, "Uma"), (3, "Tom"))]
    turns = [*(Message("user", text) for text in said), *SMALL_TALK]
    assert at_most(3, turns) == [f"User: {text}" for text in said]


def test_what_a_tool_gave_back_was_said_by_nobody() -> None:
    assert condense([Message("tool", "We will pay 3 dollars.")], fits=lambda lines: True) == ""


def test_nothing_fits_in_no_room() -> None:
    assert condense(SMALL_TALK, fits=lambda lines: False) == ""


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=60)), max_size=12), st.integers(0, 6)
)
def test_every_line_was_said_and_in_that_order(said: list[tuple[str, str]], n: int) -> None:
    turns = [Message("user" if role == "user" else "assistant", text) for role, text in said]
    lines = at_most(n, turns)
    assert len(lines) <= n
    assert lines == at_most(n, turns)
    whole = " ".join(" ".join(f"{turn.role.capitalize()}: {turn.text}".split()) for turn in turns)
    place = 0
    for line in lines:
        _, _, text = line.partition(": ")
        place = whole.index(text, place)
