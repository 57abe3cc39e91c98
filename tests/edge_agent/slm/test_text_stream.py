"""Tokens to shown text: characters and stop strings together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.text_stream import TextStream
from edge_agent.slm.tokenizer import Tokenizer

letters = st.characters(codec="utf-8", exclude_characters="|")  # spell no control token


def read(stream: TextStream, ids: list[int]) -> str:
    return "".join([stream.push(token) for token in ids] + [stream.flush()])


@given(front=st.text(letters), stop=st.text(letters, min_size=1, max_size=5), back=st.text(letters))
def test_a_stop_string_across_tokens_and_bytes_never_shows(
    tokenizer: Tokenizer, front: str, stop: str, back: str
) -> None:
    text = front + stop + back
    stream = TextStream(tokenizer, [stop])
    assert read(stream, tokenizer.encode(text)) == text[: text.index(stop)]
    assert stream.stopped


@given(text=st.text(letters))
def test_without_a_stop_string_all_of_it_shows(tokenizer: Tokenizer, text: str) -> None:
    stream = TextStream(tokenizer, [])
    assert read(stream, tokenizer.encode(text)) == text
    assert not stream.stopped


@pytest.mark.parametrize(
    ("owed", "text", "shown"),
    [(1, " honey", "honey"), (1, "honey", "honey"), (1, "  honey", " honey"), (2, " a b", "a b"), (2, "   a", " a")],
)
def test_spaces_already_shown_are_not_shown_again(tokenizer: Tokenizer, owed: int, text: str, shown: str) -> None:
    assert read(TextStream(tokenizer, [], owed_spaces=owed), tokenizer.encode(text)) == shown
    one_by_one = [token for letter in text for token in tokenizer.encode(letter)]
    assert read(TextStream(tokenizer, [], owed_spaces=owed), one_by_one) == shown
