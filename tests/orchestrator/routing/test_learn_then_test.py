"""Thresholds keep their promise: the p-values are valid, and fresh draws bear it out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.routing.calibration import Calibration
from orchestrator.routing.learn_then_test import at_most, choose, quality_p_value
from orchestrator.routing.promise import Promise

WORSE = Promise(at_most_worse=0.05)
LEAVING = Promise(at_most_leaving=0.3)
ALLOWED = 0.1
DRAWS = 60


def draw(n: int, rng: np.random.Generator) -> Calibration:
    """Questions of a world in which the score is the true uplift, and the loss is not monotone in the threshold."""
    uplift = np.clip(rng.normal(0.1, 0.2, n), -0.5, 0.7)
    device_alone, cloud_alone = np.maximum(-uplift, 0) + 0.05, np.maximum(uplift, 0) + 0.05
    chance = rng.random(n)
    device, cloud = chance < device_alone, (chance >= device_alone) & (chance < device_alone + cloud_alone)
    both = (chance > 0.9) & ~cloud
    return Calibration.of(uplift, device | both, cloud | both)


def same(n: int, *, device: bool, cloud: bool) -> Calibration:
    return Calibration.of(np.linspace(-0.5, 0.5, n), np.full(n, device), np.full(n, cloud))


# --- the promise over fresh draws -------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", [WORSE, LEAVING], ids=str)
def test_a_promise_is_broken_as_seldom_as_it_says(promise: Promise) -> None:
    """In the mean, and over a fresh batch as large as the calibration. Three standard errors are luck."""
    rng = np.random.default_rng(7)
    everything = draw(100_000, rng)
    in_mean, in_batch, kept = 0, 0, []
    for _ in range(DRAWS):
        threshold = choose(promise, draw(400, rng))
        assert threshold is not None
        measure = Calibration.worse if promise.about_quality else Calibration.leaving
        in_mean += measure(everything, threshold) > promise.limit
        in_batch += measure(draw(400, rng), threshold) > promise.limit
        kept.append(1 - everything.leaving(threshold))
    luck = 3 * math.sqrt(ALLOWED * (1 - ALLOWED) / DRAWS)
    assert in_mean / DRAWS <= 0.035 + luck
    assert in_batch / DRAWS <= ALLOWED + luck
    assert np.mean(kept) > 0.2, "a promise that sends everything away is no use"


def test_more_questions_keep_more_at_home() -> None:
    rng = np.random.default_rng(3)
    few, many = choose(WORSE, draw(400, rng)), choose(WORSE, draw(8000, rng))
    assert few is not None
    assert many is not None
    assert few < many


def test_scores_that_know_nothing_keep_the_promise_too() -> None:
    rng = np.random.default_rng(5)
    rows = draw(2000, rng)
    blind = Calibration.of(rng.permutation(rows.uplift), rows.device_right, rows.cloud_right)
    threshold = choose(WORSE, blind)
    assert threshold is not None
    assert blind.worse(threshold) < WORSE.limit


# --- the edges --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", [WORSE, LEAVING], ids=str)
def test_too_few_questions_promise_nothing(promise: Promise) -> None:
    assert choose(promise, same(3, device=True, cloud=True)) is None


def test_where_only_the_cloud_is_ever_right_hardly_anything_stays() -> None:
    rows = same(2000, device=False, cloud=True)
    threshold = choose(WORSE, rows)
    assert threshold is not None
    assert 0 < 1 - rows.leaving(threshold) < WORSE.limit


@pytest.mark.parametrize("cloud", [False, True])
def test_where_the_device_never_loses_everything_stays(cloud: bool) -> None:
    rows = same(2000, device=True, cloud=cloud)
    threshold = choose(WORSE, rows)
    assert threshold is not None
    assert rows.leaving(threshold) == 0.0


def test_the_chosen_threshold_does_not_hang_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(1)
    rows = draw(1000, rng)
    shuffled = rows[rng.permutation(1000)]
    assert choose(WORSE, rows) == choose(WORSE, shuffled)
    assert choose(LEAVING, rows) == choose(LEAVING, shuffled)


# --- the p-values -----------------------------------------------------------------------------------------------


@given(n=st.integers(1, 60), chance=st.floats(0.01, 0.99), share=st.floats(0, 1))
def test_the_binomial_tail_is_the_sum_of_its_terms(n: int, chance: float, share: float) -> None:
    k = int(share * n)
    terms = sum(math.comb(n, i) * chance**i * (1 - chance) ** (n - i) for i in range(k + 1))
    assert at_most(k, n, chance) == pytest.approx(terms, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(
    n=st.integers(20, 60),
    limit=st.floats(0.05, 0.3),
    differ=st.floats(0, 1),
    error=st.floats(0.01, 0.2),
)
@example(n=21, limit=0.109375, differ=0.9375, error=0.09375)  # hardly a zero: sums of every second value are rare
@example(n=42, limit=0.05, differ=1.0, error=0.2)
@example(n=60, limit=0.3, differ=0.5, error=0.2)
def test_no_world_at_the_edge_of_the_promise_is_called_safe_too_often(
    n: int, limit: float, differ: float, error: float
) -> None:
    """The chance of a p-value ≤ error is summed up exactly, over all counts that n questions can give."""
    d = limit + differ * (1 - limit)
    plus, minus = (d + limit) / 2, (d - limit) / 2
    wrong = 0.0
    for differing in range(n + 1):
        for gains in range(differing + 1):
            lost = differing - 2 * gains
            weight = _multinomial(n, differing - gains, gains, plus, minus)
            if weight > 1e-12 and quality_p_value(lost, differing, n, limit, error) <= error:
                wrong += weight
    assert wrong <= error + 1e-6


def _multinomial(n: int, losses: int, gains: int, plus: float, minus: float) -> float:
    rest = 1 - plus - minus
    ways = math.comb(n, losses) * math.comb(n - losses, gains)
    return ways * plus**losses * minus**gains * max(rest, 0.0) ** (n - losses - gains)
