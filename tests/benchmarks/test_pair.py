"""The pair's measure: what counts as right, how well signals tell it, and that the shipped probe is what is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pair.__main__ import DEVICE, PROBE
from benchmarks.pair.fitting import Answers, auroc, fit
from benchmarks.pair.frontier import frontier
from benchmarks.pair.judge import last_number, token_f1, written_right
from benchmarks.pair.labels import Label, read
from orchestrator.routing.probe import Probe


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return read()


@pytest.mark.parametrize(
    ("task", "choices", "gold", "text", "right"),
    [
        ("mmlu", "ABCD", "C", "C. 64,000 feet", True),
        ("mmlu", "ABCD", "C", "A decrease in pressure", False),
        ("clinc", ("credit score", "alarm"), "credit score", "to provide a specific credit score", True),
        ("clinc", ("credit score", "alarm"), "alarm", "The sentence is about a message", False),
        ("gsm8k", (), "1200", "so he pays $1,200.", True),
        ("locomo", (), "7 May 2023", "She went there on the 7 of May 2023, with friends of hers", True),
        ("locomo", (), "adoption agencies", "counselling", False),
    ],
)
def test_what_was_written_is_judged_as_a_person_would(
    task: str, choices: tuple[str, ...], gold: str, text: str, right: bool
) -> None:
    assert written_right(task, choices, gold, text) is right


def test_words_and_numbers() -> None:
    assert token_f1("The adoption agencies.", "adoption agencies") == 1.0
    assert token_f1("no", "yes") == 0.0
    assert last_number("2 * 3 = 6") == 6.0
    assert last_number("none") is None


def test_the_area_counts_pairs_within_groups() -> None:
    right = np.array([True, False, True, False])
    assert auroc(np.array([2.0, 1.0, 4.0, 3.0]), right) == 0.75
    assert auroc(np.array([2.0, 1.0, 4.0, 3.0]), right, np.array([0, 0, 1, 1])) == 1.0
    assert np.isnan(auroc(np.ones(4), np.ones(4, bool)))


def test_a_probe_learns_what_the_tokens_tell_and_not_how_hard_a_task_is(labels: list[Label]) -> None:
    answers = Answers.of(labels)
    told = replace(answers, right=answers.signals[-1, :, 1] > np.median(answers.signals[-1, :, 1]))
    probe = fit(told)
    chances = np.array([probe.chance(0.5, label.tokens) for label in labels[::5]])
    assert auroc(chances, told.right[::5], told.tasks[::5]) > 0.9
    by_task = replace(answers, right=answers.tasks == answers.tasks[0])
    assert max(abs(weight) for weight in fit(by_task).weights.values()) < 0.2


def test_the_shipped_probe_is_what_the_shipped_labels_give(labels: list[Label]) -> None:
    shipped = Probe.read(PROBE.read_bytes())
    again = fit(Answers.of(labels), model=DEVICE, fitted_on=shipped.fitted_on)
    assert again.weights == pytest.approx(shipped.weights, abs=1e-3)
    assert again.centre == pytest.approx(shipped.centre, abs=1e-3)
    assert len(labels) >= 1500
    assert str(len(labels)) in shipped.fitted_on


def test_no_policy_beats_the_oracle_and_all_meet_at_the_ends(labels: list[Label]) -> None:
    some = labels[::5]
    scores = np.random.default_rng(1).random(len(some))
    curves = frontier(some, scores, scores)
    best = [point.accuracy for point in curves["oracle"]]
    for curve in curves.values():
        assert all(point.accuracy <= high + 1e-9 for point, high in zip(curve, best, strict=True))
        assert curve[0].accuracy == pytest.approx(best[0])
        assert curve[-1].accuracy == pytest.approx(best[-1])
        assert curve[0].cloud_tokens == 0
