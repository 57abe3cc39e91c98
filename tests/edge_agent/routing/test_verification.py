"""A promise that is tried on fresh halves."""

from __future__ import annotations

import numpy as np

from edge_agent.routing.verification import verify
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.promise import Promise

RNG = np.random.default_rng(4)
UPLIFT = RNG.uniform(-0.2, 0.6, 2000)
ROWS = Calibration.of(UPLIFT, np.maximum(-UPLIFT, 0) > RNG.random(2000), np.maximum(UPLIFT, 0) > RNG.random(2000))


def test_a_promise_that_can_be_kept_is_kept_and_used() -> None:
    found = verify(Promise(at_most_worse=0.05), ROWS, splits=40)
    assert (found.promised, found.questions, found.splits) == (1.0, 2000, 40)
    assert found.broken <= 0.2, "four of forty are expected at the most"
    assert 0 < found.worse < 0.05
    assert 0.2 < found.leaving < 0.9


def test_a_promise_that_cannot_be_made_is_kept_by_caution() -> None:
    few = ROWS[np.arange(60)]
    quality, share = (verify(Promise(**{name: 0.01}), few, splits=5) for name in ("at_most_worse", "at_most_leaving"))
    assert (quality.threshold, quality.promised, quality.broken) == (None, 0.0, 0.0)
    assert (quality.worse, quality.leaving) == (0.0, 1.0)
    assert (share.threshold, share.promised, share.broken, share.leaving) == (None, 0.0, 0.0, 0.0)


def test_the_same_seed_gives_the_same_result_and_one_question_is_enough_to_fail() -> None:
    promise = Promise(at_most_leaving=0.3)
    assert verify(promise, ROWS, splits=3) == verify(promise, ROWS, splits=3)
    assert verify(promise, ROWS[np.arange(1)], splits=2).promised == 0.0
