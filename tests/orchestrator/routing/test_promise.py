"""The terms of a promise, and what a pledge asks of one decision."""

from __future__ import annotations

import math

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.routing.promise import Pledge, Promise

WORSE = Promise(at_most_worse=0.02)
LEAVING = Promise(at_most_leaving=0.3)


def pledge(
    promise: Promise, *, threshold: float | None = 0.1, uplift: float | None = 0.0, drifted: bool = False
) -> Pledge:
    return Pledge(promise=promise, threshold=threshold, calibration="0123456789ab", uplift=uplift, drifted=drifted)


@pytest.mark.parametrize("promise", [WORSE, LEAVING])
def test_the_threshold_decides(promise: Promise) -> None:
    assert not pledge(promise, uplift=0.09).leaves
    assert pledge(promise, uplift=0.1).leaves
    assert pledge(promise, uplift=0.1).caution == ""


@pytest.mark.parametrize("uplift", [-1.0, 1.0])
@pytest.mark.parametrize(("promise", "leaves"), [(WORSE, True), (LEAVING, False)])
def test_without_a_threshold_or_after_a_drift_the_cautious_setting_holds(
    promise: Promise, leaves: bool, uplift: float
) -> None:
    none, drifted = pledge(promise, threshold=None, uplift=uplift), pledge(promise, uplift=uplift, drifted=True)
    assert none.leaves is drifted.leaves is leaves
    assert "too few" in none.caution
    assert "no longer look like" in drifted.caution


@pytest.mark.parametrize("uplift", [None, math.nan, math.inf])
@pytest.mark.parametrize(("promise", "leaves"), [(WORSE, True), (LEAVING, False)])
def test_a_question_without_a_score_is_treated_with_caution(
    promise: Promise, leaves: bool, uplift: float | None
) -> None:
    assert pledge(promise, uplift=uplift).leaves is leaves
    assert pledge(promise, uplift=uplift).caution == "the question has no score"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"at_most_worse": 0.02, "at_most_leaving": 0.3},
        {"at_most_worse": 0.0},
        {"at_most_leaving": 1.0},
        {"at_most_worse": math.nan},
        {"at_most_worse": 0.02, "confidence": 1.0},
    ],
)
def test_a_promise_has_one_limit_between_0_and_1(values: dict[str, float]) -> None:
    with pytest.raises(InvalidRequest):
        Promise(**values)


def test_a_promise_reads_as_a_sentence() -> None:
    assert str(WORSE) == "at most 0.02 worse than the cloud alone"
    assert str(LEAVING) == "at most 0.3 of questions leave"
