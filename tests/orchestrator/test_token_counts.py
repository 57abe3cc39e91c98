"""Counts are the same as without remembering, and are asked for once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.testing import count_words
from orchestrator.token_counts import TokenCounts
from orchestrator.tools import ToolCall
from orchestrator.types import Message

message = st.builds(Message, st.sampled_from(["user", "assistant"]), st.text("ab ", max_size=6))


@given(st.lists(st.lists(message, max_size=3), max_size=20))
def test_the_counts_are_right(prompts: list[list[Message]]) -> None:
    counts = TokenCounts(count_words)
    assert [counts(prompt) for prompt in prompts] == [count_words(prompt) for prompt in prompts]


def test_what_was_counted_is_not_counted_again_and_calls_count() -> None:
    asked: list[int] = []

    def count(messages: object) -> int:
        asked.append(1)
        return len(asked)

    counts = TokenCounts(count)
    plain = [Message("assistant", "x")]
    assert (counts(plain), counts(plain), counts([Message("assistant", "x", calls=(ToolCall("f", "{}"),))])) == (
        1,
        1,
        2,
    )


def test_the_oldest_are_let_go() -> None:
    counts = TokenCounts(count_words)
    for number in range(5000):
        counts([Message("user", str(number))])
    assert len(counts._known) == 4096
