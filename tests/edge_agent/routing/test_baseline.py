"""The baseline finds what single words tell, on questions that it has not seen."""

from __future__ import annotations

import numpy as np

from edge_agent.routing.baseline import tf_idf_uplift
from orchestrator.routing.curve import Outcomes

QUESTIONS = [f"Calculate {n} times seven." if n % 2 else f"Which riddle has {n} eyes?" for n in range(80)]
SUMS = np.arange(80) % 2 == 1
HALVES = (np.arange(40), np.arange(40, 80))


def test_a_word_that_tells_who_is_right_is_found() -> None:
    uplift = tf_idf_uplift(QUESTIONS, Outcomes(~SUMS, SUMS), [HALVES, HALVES[::-1]])
    assert uplift[SUMS].min() > 0.5
    assert uplift[~SUMS].max() < -0.5


def test_where_one_model_is_never_better_alone_only_the_other_counts() -> None:
    uplift = tf_idf_uplift(QUESTIONS, Outcomes(~SUMS, np.ones(80, bool)), [HALVES, HALVES[::-1]])
    assert uplift.min() >= 0
    assert uplift[SUMS].min() > uplift[~SUMS].max()
    assert not tf_idf_uplift(QUESTIONS, Outcomes(SUMS, SUMS), [HALVES]).any()
