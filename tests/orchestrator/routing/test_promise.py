"""The terms of a promise, and what a pledge asks of one decision."""

from __future__ import annotations

import math

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.routing.promise import Pledge, Promise
from orchestrator.types import Route

WORSE = Promise(at_most_worse=0.02)
LEAVING = Promise(at_most_leaving=0.3)


def pledge(
    promise: Promise, *, threshold: float | None = 0.1, uplift: float | None = 0.0, drifted: bool = False
) -> Pledge:
    return Pledge(promise=promise, threshold=threshold, calibration="0123456789ab", uplift=uplift, drifted=drifted)


def test_the_threshold_forbids_the_route_that_would_break_the_promise() -> None:
    below, reached = 0.09, 0.1
    assert pledge(WORSE, uplift=below).forbidden is None
    assert pledge(WORSE, uplift=reached).forbidden is Route.LOCAL
    assert pledge(LEAVING, uplift=below).forbidden is Route.CLOUD
    assert pledge(LEAVING, uplift=reached).forbidden is None
    assert "0.100 reaches the threshold of 0.100" in pledge(WORSE, uplift=reached).reason


@pytest.mark.parametrize("uplift", [-1.0, 1.0])
@pytest.mark.parametrize(("promise", "forbidden"), [(WORSE, Route.LOCAL), (LEAVING, Route.CLOUD)])
def test_without_a_threshold_or_after_a_drift_the_cautious_setting_holds(
    promise: Promise, forbidden: Route, uplift: float
) -> None:
    none, drifted = pledge(promise, threshold=None, uplift=uplift), pledge(promise, uplift=uplift, drifted=True)
    assert none.forbidden is drifted.forbidden is forbidden
    assert "no threshold can be promised" in none.reason
    assert "no longer look like" in drifted.reason


@pytest.mark.parametrize("uplift", [None, math.nan, math.inf])
@pytest.mark.parametrize(("promise", "forbidden"), [(WORSE, Route.LOCAL), (LEAVING, Route.CLOUD)])
def test_a_question_without_a_score_is_treated_with_caution(
    promise: Promise, forbidden: Route, uplift: float | None
) -> None:
    assert pledge(promise, uplift=uplift).forbidden is forbidden
    assert "the question has no score" in pledge(promise, uplift=uplift).reason


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
    assert str(WORSE) == "at most 2 % worse than the cloud alone"
    assert str(LEAVING) == "at most 30 % of questions leave"
