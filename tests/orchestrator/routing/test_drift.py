"""Traffic that no longer looks like the calibration is noticed, and its return, too."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from orchestrator.errors import ConfigError
from orchestrator.routing.drift import WINDOW, DriftWatch

RNG = np.random.default_rng(11)
REFERENCE = RNG.normal(0.1, 0.1, 2000)


def verdicts(watch: DriftWatch, scores: np.ndarray) -> list[bool]:
    found = []
    for score in scores:
        watch.observe(float(score))
        found.append(watch.drifted)
    return found


def test_questions_like_the_calibration_are_no_drift() -> None:
    assert not any(verdicts(DriftWatch(REFERENCE), RNG.normal(0.1, 0.1, 2000)))


@pytest.mark.parametrize(("mean", "deviation"), [(0.25, 0.1), (0.1, 0.3)], ids=["shifted", "spread"])
def test_a_change_is_noticed_and_its_end_called_off(mean: float, deviation: float) -> None:
    watch = DriftWatch(REFERENCE)
    verdicts(watch, RNG.normal(0.1, 0.1, WINDOW))
    changed = verdicts(watch, RNG.normal(mean, deviation, WINDOW))
    assert changed[-1]
    assert not changed[0]
    assert not verdicts(watch, RNG.normal(0.1, 0.1, 2 * WINDOW))[-1]


def test_a_few_odd_questions_prove_nothing() -> None:
    assert not any(verdicts(DriftWatch(REFERENCE), np.full(39, 1.0)))
    assert verdicts(DriftWatch(REFERENCE), np.full(40, 1.0))[-1]


def test_it_goes_on_from_what_it_saw() -> None:
    scores = RNG.normal(0.2, 0.1, 150)
    whole, first = DriftWatch(REFERENCE), DriftWatch(REFERENCE)
    verdicts(first, scores[:93])
    second = DriftWatch(
        REFERENCE, recent=[float(score) for score in scores[:93]], seen=first.seen, drifted=first.drifted
    )
    assert verdicts(whole, scores)[93:] == verdicts(second, scores[93:])


def test_a_promise_that_nobody_can_watch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"edgewise\[promise\]"):
        DriftWatch(REFERENCE)
