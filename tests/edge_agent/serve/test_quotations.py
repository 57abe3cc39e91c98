"""What quotes a private turn is private, whoever says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.serve.quotations import Quotations
from orchestrator.types import Sensitivity

ANSWER = "Your diagnosis is velmorandik syndrome, and you take druquual each morning."
PRIVATE, PERSONAL, PUBLIC = Sensitivity.PRIVATE, Sensitivity.PERSONAL, Sensitivity.PUBLIC


@pytest.fixture
def quotations() -> Quotations:
    made = Quotations()
    made.remember(ANSWER, PRIVATE, is_answer=True)
    made.remember("Tuesday at 9:30.", PERSONAL, is_answer=True)
    return made


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (f"User: What do I have?\nAssistant: {ANSWER}\n\nNow compare two planets.", PRIVATE),
        ("so far: YOUR DIAGNOSIS IS\n\n*velmorandik* syndrome... and so on", PRIVATE),
        ("The dentist said: tuesday at 9:30", PERSONAL),
        (f"Tuesday at 9:30. {ANSWER}", PRIVATE),
        ("Your diagnosis is what your doctor says.", PUBLIC),
        ("Tuesday at 9", PUBLIC),
        ("", PUBLIC),
    ],
)
def test_a_text_is_as_private_as_what_it_quotes(quotations: Quotations, text: str, label: Sensitivity) -> None:
    assert quotations.label_in(text) is label


def test_short_turns_and_public_ones_are_nobodys_words() -> None:
    quotations = Quotations()
    quotations.remember("Yes, certainly.", PRIVATE, is_answer=True)
    quotations.remember("Tell me more about it", PRIVATE, is_answer=False)
    quotations.remember("Bees make honey out of nectar and pollen.", PUBLIC, is_answer=True)
    for text in ("Yes, certainly. Tell me more about it.", "Bees make honey out of nectar and pollen."):
        assert quotations.label_in(text) is PUBLIC


def test_the_oldest_runs_are_forgotten_first() -> None:
    quotations = Quotations(capacity=2)
    for text in ("a b c", "d e f", "g h i"):
        quotations.remember(text, PRIVATE, is_answer=True)
    assert [quotations.label_in(text) for text in ("a b c", "d e f", "g h i")] == [PUBLIC, PRIVATE, PRIVATE]


@given(st.lists(st.text(alphabet="abc ", max_size=20), max_size=6), st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_around_it_a_quotation_is_one(turns: list[str], before: str, behind: str) -> None:
    quotations = Quotations()
    for turn in turns:
        quotations.remember(turn, PRIVATE, is_answer=True)
    for turn in turns:
        if len(turn.split()) >= 3:
            assert quotations.label_in(f"{before} {turn} {behind}") is PRIVATE
