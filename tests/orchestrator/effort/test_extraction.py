"""What answers are compared by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.effort.extraction import AnswerKind, letter, number, short_text


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("17 + 26 = 43.", "43"),
        ("She has 1,200.50 dollars", "1200.5"),
        ("It is 12.00", "12"),
        ("about 100", "100"),
        ("from 3 to -4", "-4"),
        ("0.0", "0"),
        ("none at all", None),
        ("", None),
    ],
)
def test_the_last_number_of_an_answer(answer: str, key: str | None) -> None:
    assert number(answer) == key


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("B", "B"),
        ("(C) the third", "C"),
        ("The answer is D.", "D"),
        ("A cat sat; the correct answer: B", "B"),
        ("no idea", None),
    ],
)
def test_the_letter_of_a_choice(answer: str, key: str | None) -> None:
    assert letter(answer) == key


def test_short_texts_are_compared_without_case_articles_and_punctuation() -> None:
    assert short_text("The Eiffel  Tower.") == short_text("eiffel tower") == "eiffel tower"
    assert short_text("word " * 13) is None
    assert short_text("...") is None


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What is 3 + 4?", AnswerKind.NUMBER),
        ("How many apples are left?", AnswerKind.NUMBER),
        ("Which one?\nA. one\nB. two", AnswerKind.LETTER),
        ("Who wrote Faust?", AnswerKind.TEXT),
    ],
)
def test_the_question_says_what_is_compared(question: str, kind: AnswerKind) -> None:
    assert AnswerKind.of(question) is kind


@given(st.text())
def test_no_answer_breaks_an_extractor(answer: str) -> None:
    for kind in AnswerKind:
        assert kind.extractor(answer) != ""
