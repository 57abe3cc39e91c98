from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.convert.heads import HeadLayout
from edge_agent.slm.convert.rotary import Rotary

layouts = st.integers(1, 24).flatmap(
    lambda half: st.builds(HeadLayout, st.just(2 * half), st.integers(1, half).map(lambda pairs: 2 * pairs))
)


def turned(heads: np.ndarray, cosines: np.ndarray, sines: np.ndarray) -> np.ndarray:
    """Half-split rotation of the first dimensions of `[positions, heads, size]`, as many as the tables have."""
    half = cosines.shape[1]
    first, second, rest = heads[..., :half], heads[..., half : 2 * half], heads[..., 2 * half :]
    c, s = cosines[:, None], sines[:, None]
    return np.concatenate((first * c - second * s, second * c + first * s, rest), axis=-1)


@given(layouts, st.integers(0, 2**31))
def test_products_of_queries_and_keys_stay_as_they_are(layout: HeadLayout, seed: int) -> None:
    """However a head is rearranged and filled up: attention sees the same scores."""
    rng = np.random.default_rng(seed)
    queries, keys = rng.standard_normal((2, 5, 3 * layout.size), np.float32)
    cosines, sines = Rotary(100.0, layout.rotated).tables(5)
    plain = [turned(rows.reshape(5, 3, -1), cosines, sines) for rows in (queries, keys)]
    tables = layout.table(cosines, still=1), layout.table(sines, still=0)
    stored = [turned(layout.queries_or_keys(rows.T).T.reshape(5, 3, -1), *tables) for rows in (queries, keys)]
    scores = [np.einsum("qhd,khd->hqk", *pair) for pair in (plain, stored)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


@given(layouts)
def test_values_come_out_of_the_output_matrix_as_they_are(layout: HeadLayout) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2 * layout.size, 3), np.float32)
    output = rng.standard_normal((4, 2 * layout.size), np.float32)
    np.testing.assert_allclose(layout.outputs(output) @ layout.values(values), output @ values, atol=1e-4)


@pytest.mark.parametrize(("size", "stored"), [(8, 16), (16, 16), (20, 32), (64, 64), (80, 80), (100, 112)])
def test_heads_are_stored_in_multiples_of_sixteen(size: int, stored: int) -> None:
    assert HeadLayout(size, size).stored == stored


def test_a_head_that_fits_is_not_copied() -> None:
    rows = np.zeros((32, 4), np.float32)
    assert HeadLayout(16, 16).queries_or_keys(rows) is rows
