"""Difficulty: a prior, but one that orders plain cases right and never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.features import Features

EASY = ["What do bees make?", "What is the capital of France?", "Who wrote Hamlet?", "Thank you!"]
HARD = [
    "Explain why the sky is blue and compare it with a sunset.",
    "If a train travels 120 km in 1.5 hours, how many km does it travel in 4 hours?",
    "Write a python function that reverses a linked list.",
    "Prove that the square root of 2 is irrational.",
]


@pytest.mark.parametrize("easy", EASY)
@pytest.mark.parametrize("hard", HARD)
def test_plain_cases_are_ordered(easy: str, hard: str) -> None:
    assert Features.of(easy).difficulty < 0.3 < Features.of(hard).difficulty


@given(st.text())
def test_any_text_has_a_difficulty(text: str) -> None:
    assert 0 <= Features.of(text).difficulty <= 1
