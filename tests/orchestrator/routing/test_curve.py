"""The cost-quality curve: RouteLLM's measure, checked against a slow and plain reading of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.errors import InvalidRequest
from orchestrator.routing.curve import Curve, Outcomes, score

RNG = np.random.default_rng(0)
N = 400
OUTCOMES = Outcomes(RNG.random(N) < 0.6, RNG.random(N) < 0.8)


def plain_points(scores: np.ndarray, outcomes: Outcomes) -> list[tuple[float, float]]:
    """Share sent and accuracy at eleven quantile thresholds; above the last nothing is sent."""
    thresholds = np.quantile(scores, np.linspace(0, 1, 11))
    sent = [scores >= threshold for threshold in thresholds[:-1]] + [scores > thresholds[-1]]
    return sorted((float(s.mean()), float(np.where(s, outcomes.cloud, outcomes.device).mean())) for s in sent)


@given(st.integers(0, 1000), st.integers(2, 60), st.integers(2, 400))
@example(seed=394, n=30, levels=270)
def test_the_curve_is_the_definition_s_also_where_scores_tie(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    outcomes = Outcomes(np.r_[rng.random(n) < 0.5, False], np.r_[rng.random(n) < 0.5, True])
    if outcomes.gap == 0:
        return
    # Far from zero, where numpy's quantiles are off by less than half of the last bit.
    scores = (1_000_000 + rng.integers(0, levels, n + 1)).astype(np.float64)
    curve = Curve.of(scores, outcomes)
    points = sorted(zip(curve.sent, curve.accuracy, strict=True))
    assert np.array(points) == pytest.approx(np.array(plain_points(scores, outcomes)))


def test_the_oracle_is_above_one_its_opposite_below_chance_and_chance_one_half() -> None:
    assert Curve.of(OUTCOMES.uplift, OUTCOMES).apgr > 1
    assert Curve.of(-OUTCOMES.uplift, OUTCOMES).apgr < 0
    assert Curve.of(RNG.random((300, N)), OUTCOMES).apgr == pytest.approx(0.5, abs=0.02)


def test_the_oracle_needs_as_many_calls_as_the_gap_has_questions() -> None:
    curve = Curve.of(OUTCOMES.uplift, OUTCOMES)
    assert curve.cpt(0.5) == pytest.approx(50 * OUTCOMES.gap)


def test_one_score_for_all_is_the_straight_line() -> None:
    curve = Curve.of(np.zeros(N), OUTCOMES)
    assert curve.apgr == pytest.approx(0.5)
    assert set(curve.sent) == {0, 1}


def test_the_interval_holds_the_figure_and_is_the_same_again() -> None:
    scores = OUTCOMES.uplift + RNG.normal(size=N)
    found = score(scores, OUTCOMES)
    assert found.apgr_ci[0] < found.apgr < found.apgr_ci[1]
    assert found == score(scores, OUTCOMES)
    assert found.cpt20 < found.cpt50 < found.cpt80


@pytest.mark.parametrize("scores", [np.full(N, np.nan), np.zeros(N - 1), np.zeros(0), np.full(N, np.inf)])
def test_scores_that_are_none_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(InvalidRequest, match="one a question"):
        Curve.of(scores, OUTCOMES)


def test_models_of_one_strength_have_no_curve() -> None:
    with pytest.raises(InvalidRequest, match="no gap"):
        Curve.of(np.zeros(2), Outcomes(np.array([True, False]), np.array([False, True])))
