"""Labels of past turns are kept, without their text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.serve.labels import Labels
from orchestrator.types import Sensitivity

LABELS = st.sampled_from(list(Sensitivity))


@given(st.lists(st.tuples(st.text(), LABELS), max_size=30))
def test_a_turn_keeps_the_highest_label_that_its_text_ever_had(turns: list[tuple[str, Sensitivity]]) -> None:
    labels = Labels(stranger=Sensitivity.PUBLIC)
    for text, label in turns:
        labels.remember(text, label)
    for text, _ in turns:
        highest = Sensitivity.highest([label for other, label in turns if other.strip() == text.strip()])
        assert labels.of_answer(text) is labels.of_question(f"\n {text} ") is highest


@pytest.mark.parametrize("stranger", list(Sensitivity))
def test_an_unknown_answer_is_a_stranger_and_an_unknown_question_is_public(stranger: Sensitivity) -> None:
    labels = Labels(stranger=stranger)
    assert labels.of_answer("x") is stranger
    assert labels.of_question("x") is Sensitivity.PUBLIC


def test_the_oldest_is_forgotten_first_and_then_counts_as_unknown() -> None:
    labels = Labels(stranger=Sensitivity.PERSONAL, capacity=2)
    for text in "abc":
        labels.remember(text, Sensitivity.PRIVATE)
    assert [labels.of_answer(text).value for text in "abc"] == ["personal", "private", "private"]


def test_no_text_is_kept() -> None:
    labels = Labels(stranger=Sensitivity.PUBLIC)
    labels.remember("my secret words", Sensitivity.PRIVATE)
    assert "secret" not in repr(vars(labels))


def test_a_new_message_is_as_private_as_what_it_quotes_and_a_repeated_question_is_new() -> None:
    labels = Labels(stranger=Sensitivity.PRIVATE)
    labels.remember("What did the doctor find at last, and when?", Sensitivity.PRIVATE, is_answer=False)
    labels.remember("She found velmorandik, on Tuesday.", Sensitivity.PRIVATE)
    assert labels.of_new("Condensed: she found velmorandik, on Tuesday. Now a riddle!") is Sensitivity.PRIVATE
    assert labels.of_new("What did the doctor find at last, and when?") is Sensitivity.PUBLIC
    assert labels.of_question("What did the doctor find at last, and when?") is Sensitivity.PRIVATE
    assert labels.of_new("A riddle!") is Sensitivity.PUBLIC
