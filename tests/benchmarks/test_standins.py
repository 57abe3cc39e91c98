"""What the measurement of stand-ins counts."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.standins.__main__ import answer
from benchmarks.standins.prompts import PROMPTS, asked
from orchestrator.testing import ManualClock, Script, ScriptedModel

QUESTION = asked("{PERSON Lena} brings salad. Who brings salad to {GPE Graz}?", "Lena")


@pytest.mark.parametrize(
    ("way", "words", "usable", "broken"),
    [
        ("plain", "It is Lena.", True, False),
        ("typed", "It is Person_1.", True, False),
        ("typed", "It is PERSON_7.", False, True),
        ("typed", "It is the neighbour.", False, False),
    ],
)
def test_an_answer_is_judged_as_the_user_sees_it(way: str, words: str, usable: bool, broken: bool) -> None:
    model = ScriptedModel(ManualClock(), Script(pieces=[words]))
    answered = asyncio.run(answer(model, QUESTION, way))
    assert (answered.usable, answered.broken) == (usable, broken)
    assert ("Lena" in answered.sent) is (way == "plain")


def test_the_questions_say_what_is_marked_in_them() -> None:
    assert len(PROMPTS) == 30
    for each in PROMPTS:
        assert all(wanted in each.text for wanted in each.wanted)
        assert all(each.text[found.start : found.end].strip() for found in each.findings)
