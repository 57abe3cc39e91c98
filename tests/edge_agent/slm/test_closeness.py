"""Divergence and agreement, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_agent.slm.closeness import agrees, kl_nats, log_softmax
from edge_agent.slm.sampling import Floats

rows = arrays(np.float32, (3, 5), elements=st.floats(-20, 20, width=32))


@given(rows, rows, st.floats(-50, 50, width=32))
def test_divergence_is_never_negative_and_sees_no_shift(p: Floats, q: Floats, shift: float) -> None:
    assert (kl_nats(p, q) >= -1e-9).all()
    assert kl_nats(p, p + np.float32(shift)) == pytest.approx(0.0, abs=1e-4)


def test_divergence_of_a_known_pair() -> None:
    even, biased = np.zeros((1, 2), np.float32), np.log(np.array([[0.25, 0.75]], np.float32))
    assert kl_nats(even, biased)[0] == pytest.approx(0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75))


@given(rows)
def test_probabilities_sum_to_one(logits: Floats) -> None:
    assert np.exp(log_softmax(logits)).sum(axis=-1) == pytest.approx(1.0)


def test_agreement_is_about_the_likeliest() -> None:
    one, other = np.array([[0, 1], [1, 0]], np.float32), np.array([[5, 9], [5, 9]], np.float32)
    assert agrees(one, other).tolist() == [True, False]
