"""The comparison of strategies: known samples give known shares and prices."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.effort.comparison import compare
from benchmarks.effort.questions import questions
from benchmarks.effort.recording import Row, Written, load
from orchestrator.effort.extraction import AnswerKind


def says(text: str, *, cloud: bool = False) -> Written:
    return Written(text, 20, 10, () if cloud else (-0.1,) * 10)


ROW = Row(
    kind="sum",
    text="What is 1 + 2?",
    gold="3",
    device=says("4"),
    samples=tuple(map(says, ["3", "4", "3", "3", "5", "3", "3", "4", "3"])),
    rebase=says("it is 3"),
    cloud=says("3", cloud=True),
    check=says("RIGHT", cloud=True),
    confirmed=True,
)


def test_questions_are_the_same_for_a_seed_and_ask_for_numbers() -> None:
    assert questions(9) == questions(9) != questions(9, seed=1)
    assert all(AnswerKind.of(question.text) is AnswerKind.NUMBER for question in questions(12))
    assert {question.kind for question in questions(3)} == {"sum", "two steps", "word problem"}


def test_strategies_are_compared_on_the_same_samples() -> None:
    found = {outcome.name: outcome for outcome in compare([ROW])}
    assert [found[name].right for name in ("device alone", "vote of 5, counted", "verify", "cloud alone")] == [
        0,
        1,
        0,
        1,
    ]
    assert found["vote of 5, counted"].device_tokens == 40, "the fourth settles it"
    assert found["cloud alone"].usd == pytest.approx(20 * 0.15e-6 + 10 * 0.60e-6)
    assert found["vote of 5, counted"].mix_usd == found["cloud alone"].usd
    assert found["device alone"].mix_usd == 0


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    import json

    path = tmp_path / "rows.jsonl"
    assert load(path) == []
    path.write_text(json.dumps(dataclasses.asdict(ROW)) + "\n", encoding="utf-8")
    assert load(path) == [ROW]
