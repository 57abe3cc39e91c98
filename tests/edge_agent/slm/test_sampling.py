"""The laws of sampling, on rows of logits without a model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_agent.slm.sampling import Doubles, Floats, Sampler, distribution, score
from orchestrator.errors import InferenceFailed, InvalidRequest
from orchestrator.types import Sampling

logits = arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-30, 30, width=32))
temperatures = st.floats(0.05, 5)
shares = st.floats(0.01, 1)


def softmax(row: Floats, temperature: float = 1.0) -> Doubles:
    exact = row.astype(np.float64) / temperature
    weights: Doubles = np.exp(exact - exact.max())
    weights /= weights.sum()
    return weights


@given(row=logits, temperature=temperatures, top_p=shares)
def test_top_p_keeps_the_smallest_set_that_holds_its_share(row: Floats, temperature: float, top_p: float) -> None:
    full = softmax(row, temperature)
    kept = distribution(row, Sampling(temperature=temperature, top_p=top_p)) > 0
    assert full[kept].sum() >= top_p - 1e-9
    assert full[kept].sum() - full[kept].min() < top_p + 1e-9
    assert full[kept].min() >= full[~kept].max(initial=0) - 1e-12


@given(row=logits, temperature=temperatures, min_p=st.floats(0, 1))
def test_min_p_keeps_exactly_what_reaches_its_share_of_the_likeliest(
    row: Floats, temperature: float, min_p: float
) -> None:
    full = softmax(row, temperature)
    kept = distribution(row, Sampling(temperature=temperature, min_p=min_p)) > 0
    assert np.all(full[kept] >= min_p * full.max() * (1 - 1e-9))
    assert np.all(full[~kept] <= min_p * full.max() * (1 + 1e-9))


@given(row=logits, temperature=temperatures, top_p=shares, min_p=st.floats(0, 1))
def test_what_is_kept_keeps_its_proportions(row: Floats, temperature: float, top_p: float, min_p: float) -> None:
    full = softmax(row, temperature)
    probabilities = distribution(row, Sampling(temperature=temperature, top_p=top_p, min_p=min_p))
    kept = probabilities > 0
    assert probabilities.sum() == pytest.approx(1)
    np.testing.assert_allclose(probabilities[kept], full[kept] / full[kept].sum(), rtol=1e-9)


@given(row=logits, seed=st.integers())
def test_a_vanishing_temperature_is_greedy(row: Floats, seed: int) -> None:
    greedy = Sampler(Sampling(temperature=0)).choose(row).token
    assert greedy == row.argmax()
    cold = Sampler(Sampling(temperature=1e-30, seed=seed)).choose(row).token
    assert row[cold] >= row.max() - 1e-25


@given(rows=st.lists(logits, min_size=1, max_size=20), seed=st.integers(), temperature=temperatures, top_p=shares)
def test_the_same_seed_gives_the_same_tokens(rows: list[Floats], seed: int, temperature: float, top_p: float) -> None:
    settings = Sampling(temperature=temperature, top_p=top_p, seed=seed)
    first, second = Sampler(settings), Sampler(settings)
    assert [first.choose(row) for row in rows] == [second.choose(row) for row in rows]


def test_other_seeds_give_other_tokens() -> None:
    row = np.zeros(1000, np.float32)
    tokens = {Sampler(Sampling(temperature=1, seed=seed)).choose(row).token for seed in range(50)}
    assert len(tokens) > 40


@pytest.mark.parametrize(
    "settings",
    [
        Sampling(temperature=1),
        Sampling(temperature=0.7, top_p=0.9),
        Sampling(temperature=1.5, min_p=0.1),
        Sampling(temperature=1.2, top_p=0.95, min_p=0.05),
    ],
)
def test_the_tokens_are_distributed_as_promised(settings: Sampling) -> None:
    """Pearson's chi-square over 20,000 draws, against its 99.9 % quantile (Wilson and Hilferty 1931)."""
    row = np.random.default_rng(5).normal(0, 2, 12).astype(np.float32)
    sampler, draws = Sampler(settings), 20_000
    counts = np.bincount([sampler.choose(row).token for _ in range(draws)], minlength=len(row))
    expected = distribution(row, settings) * draws
    kept = expected > 0
    assert counts[~kept].sum() == 0
    freedom = int(kept.sum()) - 1
    statistic = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    quantile = freedom * (1 - 2 / (9 * freedom) + 3.09 * math.sqrt(2 / (9 * freedom))) ** 3
    assert statistic < quantile


@given(row=logits, temperature=st.floats(0, 3), top_p=shares, seed=st.integers())
def test_scores_are_the_models_own_whatever_the_sampling(
    row: Floats, temperature: float, top_p: float, seed: int
) -> None:
    choice = Sampler(Sampling(temperature=temperature, top_p=top_p, seed=seed)).choose(row)
    full = softmax(row)
    assert choice.score.logprob == pytest.approx(math.log(full[choice.token]), abs=1e-4)
    entropy = -(full * np.log(np.maximum(full, 1e-300))).sum()
    assert choice.score.entropy == pytest.approx(entropy, abs=1e-4)


def test_a_token_that_cannot_come_never_does() -> None:
    row = np.array([-np.inf, 1, -np.inf, 1, -np.inf], np.float32)
    assert score(row, 1).logprob == pytest.approx(math.log(0.5))
    assert score(row, 1).entropy == pytest.approx(math.log(2))
    sampler = Sampler(Sampling(temperature=2))
    assert {sampler.choose(row).token for _ in range(100)} == {1, 3}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("row", [[0, np.nan, 1], [0, np.inf], [-np.inf, -np.inf], [np.nan]])
def test_logits_that_are_not_numbers_are_an_error(row: list[float], temperature: float) -> None:
    with pytest.raises(InferenceFailed, match="not numbers"):
        Sampler(Sampling(temperature=temperature)).choose(np.array(row, np.float32))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Sampling(temperature=-0.1), "temperature"),
        (Sampling(temperature=math.nan), "temperature"),
        (Sampling(temperature=math.inf), "temperature"),
        (Sampling(top_p=0), "top_p"),
        (Sampling(top_p=1.01), "top_p"),
        (Sampling(min_p=-0.1), "min_p"),
        (Sampling(max_tokens=0), "max_tokens"),
        (Sampling(stop=("",)), "stop"),
    ],
)
def test_values_out_of_range_are_named(settings: Sampling, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Sampler(settings)
