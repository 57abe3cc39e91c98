"""A promise over many questions: thresholds, drift and restarts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.routing.calibration import Calibration
from orchestrator.routing.keeper import PromiseKeeper
from orchestrator.routing.promise import Pledge, Promise
from orchestrator.types import Route

RNG = np.random.default_rng(2)
WORSE = Promise(at_most_worse=0.1)
UPLIFT = RNG.uniform(-0.3, 0.7, 1000)
CALIBRATION = Calibration.of(
    UPLIFT, np.maximum(-UPLIFT, 0) > RNG.random(1000), np.maximum(UPLIFT, 0) > RNG.random(1000)
)


def ask(keeper: PromiseKeeper, scores: list[float], *, watched: bool = True) -> list[Pledge]:
    return [keeper.pledge(score, watched=watched) for score in scores]


def test_the_threshold_is_the_calibrations() -> None:
    pledge = PromiseKeeper(WORSE, CALIBRATION).pledge(0.65, watched=True)
    assert pledge.threshold is not None
    assert (pledge.forbidden, pledge.calibration, pledge.seen) == (Route.LOCAL, CALIBRATION.fingerprint, 1)


@pytest.mark.parametrize("calibration", [None, CALIBRATION[np.arange(5)]], ids=["none", "five"])
def test_where_nothing_can_be_promised_caution_holds(calibration: Calibration | None) -> None:
    pledge = PromiseKeeper(WORSE, calibration).pledge(-0.2, watched=True)
    assert (pledge.threshold, pledge.forbidden) == (None, Route.LOCAL)


def test_a_drift_makes_cautious_and_outlives_a_restart() -> None:
    before = ask(PromiseKeeper(WORSE, CALIBRATION), [-0.2] * 50)
    assert before[-1].drifted
    assert before[-1].forbidden is Route.LOCAL
    again = PromiseKeeper(WORSE, CALIBRATION, before)
    assert again.pledge(-0.2, watched=True).drifted
    usual = ask(again, RNG.uniform(-0.3, 0.7, 200).tolist())
    assert not usual[-1].drifted


def test_another_calibration_starts_anew() -> None:
    before = ask(PromiseKeeper(WORSE, CALIBRATION), [-0.2] * 50)
    other = PromiseKeeper(WORSE, CALIBRATION[np.arange(900)], before).pledge(-0.2, watched=True)
    assert (other.drifted, other.seen) == (False, 1)


def test_questions_of_another_kind_are_not_compared() -> None:
    pledges = ask(PromiseKeeper(WORSE, CALIBRATION), [-0.2] * 50, watched=False)
    assert not pledges[-1].drifted
    assert pledges[-1].seen == 0


def test_a_score_that_is_no_number_means_caution_and_is_not_compared() -> None:
    pledge = PromiseKeeper(WORSE, CALIBRATION).pledge(math.nan, watched=True)
    assert (pledge.uplift, pledge.forbidden, pledge.seen) == (None, Route.LOCAL, 0)
