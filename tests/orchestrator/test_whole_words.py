"""Where a text may break off: behind a whole word, never inside of what readers see as one character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.whole_words import whole_words


@pytest.mark.parametrize(
    ("whole", "unfinished"),
    [
        ("Bees make ", "hon"),
        ("Bees make honey. ", ""),
        ("", "Bees"),
        ("a\n\n", "```py"),
        ("蜜蜂酿造蜂", "蜜"),
        ("蜂か", "か\u3099"),  # a mark that belongs to the character before it
        ("so 👍", "👍🏽"),
        ("so 👍", "👩\u200d🚀"),
        ("", "한국"),  # Korean parts words by spaces
        ("x" * 69, "e\u0301"),  # longer than any word
        ("x" * 69, "🇫🇷"),
    ],
)
def test_the_last_word_is_unfinished(whole: str, unfinished: str) -> None:
    assert whole_words(whole + unfinished) == len(whole)


@given(st.text(alphabet="ab \n蜂👍🏽\u200d\u0301e", max_size=90))
def test_what_is_whole_stays_whole_and_little_is_held_back(text: str) -> None:
    whole = whole_words(text)
    assert 0 <= whole <= len(text)
    assert whole_words(text + "s") >= whole or len(text) - whole == 64
    assert not text[whole:] or not text[whole:][-1].isspace()
