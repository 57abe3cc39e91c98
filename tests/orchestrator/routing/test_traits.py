"""Traits: every text has them, all are numbers, and plain cases show what they should."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.routing.traits import TRAITS, traits_of

CHOICE = "Which of these is NOT a prime?\nA. 2\nB. 3\nC. 4\nD. None of the above\nAnswer:"


def trait(name: str, question: str) -> float:
    return traits_of(question)[TRAITS.index(name)]


@given(st.text())
@example("")
@example("A. \nB. \n")
@example("A. a\nB. a")
@example("\ud800 ?")
def test_any_text_has_finite_traits(text: str) -> None:
    found = traits_of(text)
    assert len(found) == len(TRAITS)
    assert all(math.isfinite(value) for value in found)


def test_names_are_unique() -> None:
    assert len(set(TRAITS)) == len(TRAITS)


def test_options_are_told_from_the_question() -> None:
    assert trait("options", CHOICE) == 4
    assert trait("option_numeric", CHOICE) == 0.75
    assert trait("option_of_the_above", CHOICE) == 0.25
    assert trait("ends_asking", CHOICE) == 1
    assert trait("options", "What is 2 + 2?") == 0


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("says_excepting", "All of these EXCEPT one", "All of these"),
        ("numbers", "Add 3, 4 and 5", "Add 3"),
        ("says_proportion", "half of them, twice a day", "some of them, now and then"),
        ("formula", "x^2 + y = 3", "a square and a line"),
        ("stem_words", "Why is the sky so blue today?", "Why?"),
        ("opens_which", "Which one is it?", "What is it?"),
    ],
)
def test_what_a_trait_is_named_for_raises_it(name: str, more: str, less: str) -> None:
    assert trait(name, more) > trait(name, less)
