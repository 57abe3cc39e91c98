"""Words and pieces: what two texts share, and that both are counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.ngrams import Grams
from orchestrator.routing.reading import Reading


def shared(one: Grams, other: Grams) -> int:
    return len(np.intersect1d(one.hashes, other.hashes))


def test_words_that_are_akin_share_pieces_and_no_word() -> None:
    assert shared(Grams.words("walks"), Grams.words("walked")) == 0
    assert shared(Grams.pieces("walks"), Grams.pieces("walked")) == 3


def test_pieces_stay_within_a_word_and_know_its_ends() -> None:
    assert shared(Grams.pieces("cat"), Grams.pieces("concatenate")) == 1
    assert shared(Grams.pieces("a b"), Grams.pieces("b a")) == 2


def test_repetitions_are_counted() -> None:
    assert sorted(Grams.words("bees and bees").counts) == [1, 1, 1, 2]
    assert set(Grams.pieces("bees bees").counts) == {2}


@given(st.text())
def test_any_text_has_them_whatever_case_it_is_in(text: str) -> None:
    for grams in (Grams.words(text), Grams.pieces(text)):
        assert (np.diff(grams.hashes.astype(np.int64)) > 0).all()
        assert (grams.counts > 0).all()
    assert np.array_equal(Grams.pieces("ABC").hashes, Grams.pieces("abc").hashes)


def test_an_open_question_is_read_in_pieces_and_one_with_options_in_words() -> None:
    opened, closed = "How many bees fly?", "How many bees fly?\nA. 1\nB. 2\nAnswer:"
    assert np.array_equal(Reading.of(opened).grams.hashes, Grams.pieces(opened).hashes)
    assert np.array_equal(Reading.of(closed).grams.hashes, Grams.words(closed).hashes)
