"""Words and their looks: every sign has a place, and looks are the same everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.privacy.words import BUCKETS, LOOKS, looks, split


def test_words_are_letters_digits_and_single_signs() -> None:
    assert split("Anna's at 12b,\nok?").texts == ["Anna's", "at", "12", "b", ",", "\n", "ok", "?"]


def test_signs_that_no_blank_separates_stand_alone() -> None:
    assert split("田中さん").texts == ["田", "中", "さ", "ん"]


@given(st.text())
def test_nothing_but_blanks_is_left_out_and_places_are_code_points(text: str) -> None:
    words = split(text)
    assert [text[start:end] for start, end in words.spans] == words.texts
    covered = {place for start, end in words.spans for place in range(start, end)}
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)


@given(st.text(min_size=1))
def test_a_word_looks_like_rows_that_exist(text: str) -> None:
    for word in split(text).texts:
        assert len(looks(word)) == LOOKS
        assert all(0 <= row < BUCKETS for row in looks(word))


def test_looks_never_change() -> None:
    """Weights are of no use with other looks: change both together."""
    assert looks("Anna") == (22994, 24567, 9516, 22405, 23215, 20101, 8862, 15962, 5720, 28989)
