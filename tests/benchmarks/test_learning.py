"""The replayed users: no question twice, the shift where it should be, and regret counted against the frozen router."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.learning.__main__ import measured
from benchmarks.learning.replay import Habits, ask
from benchmarks.learning.users import Crowd


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    """The router says of all questions nearly the same; after the shift, the cloud is always wrong."""
    random = np.random.default_rng(0)
    chances = np.stack([np.full(900, 0.6), 0.8 + 0.01 * random.random(900)], axis=1)
    right = (random.random((900, 2)) < chances).astype(np.float64)
    right[600:, 1] = 0
    subjects = np.array(["known"] * 600 + ["new"] * 300)
    return Crowd(chances, right, np.arange(600), np.arange(600, 900), subjects, of_each=1, threshold=0.15)


def test_a_stream_turns_once_and_repeats_nothing(crowd: Crowd) -> None:
    stream = crowd.stream(np.random.default_rng(1), 200, 500)
    assert len(set(stream)) == len(stream) == 500
    assert (stream[:200] < 600).all()
    assert (stream[200:] >= 600).all()


def test_the_same_seed_goes_the_same_way_and_without_verdicts_nothing_is_gained_or_lost(crowd: Crowd) -> None:
    stream = crowd.stream(np.random.default_rng(1), 60, 120)
    one, other = (ask(crowd, stream, Habits(), seed=3) for _ in range(2))
    assert (one.gained == other.gained).all()
    silent = ask(crowd, stream, Habits(rate=0), seed=3)
    assert not silent.gained.any()
    assert (silent.possible >= 0).all()


def test_a_shift_that_matters_is_learned(crowd: Crowd) -> None:
    result, curves = measured("to a subject that the cloud gets wrong", crowd, 2, Habits(rate=1, mistaken=0))
    assert curves.shape[0] == 2
    assert result.after[0] > 0
    assert result.latest[0] > result.before[0]
