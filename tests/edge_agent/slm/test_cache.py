"""KV caches: one buffer or grown outputs, cut and forked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session

tokens = st.lists(st.integers(3, 299), min_size=2, max_size=40)


@pytest.fixture(scope="session", params=["shared", "grown"])
def decoder(request: pytest.FixtureRequest, shared: Session, grown: Session) -> Decoder:
    """A decoder over either kind of cache."""
    return Decoder({"shared": shared, "grown": grown}[request.param], window=512, weight_bytes=0)


def read(decoder: Decoder, cache: KVCache, ids: list[int]) -> Floats:
    row: Floats = decoder.forward(cache, ids, Interrupt())[-1]
    return row


@given(held=tokens, lost=tokens, more=tokens, cuts=st.lists(st.integers(0, 40), max_size=3))
def test_what_was_cut_off_is_forgotten(
    decoder: Decoder, held: list[int], lost: list[int], more: list[int], cuts: list[int]
) -> None:
    """Also where it was cut several times without a pass in between."""
    cache, fresh = decoder.new_cache(), decoder.new_cache()
    read(decoder, cache, held + lost)
    for cut in sorted(cuts, reverse=True):
        cache.truncate(len(held) + cut)
    cache.truncate(len(held))
    read(decoder, fresh, held)
    np.testing.assert_allclose(read(decoder, cache, more), read(decoder, fresh, more), atol=1e-4)
    assert cache.tokens == held + more


@given(common=tokens, left=tokens, right=tokens)
def test_a_fork_goes_its_own_way(decoder: Decoder, common: list[int], left: list[int], right: list[int]) -> None:
    cache, alone = decoder.new_cache(), decoder.new_cache()
    read(decoder, cache, common)
    twin = decoder.new_cache()
    twin.fork(cache, len(common))
    read(decoder, cache, left)
    np.testing.assert_allclose(read(decoder, twin, right), read(decoder, alone, common + right), atol=1e-4)
    assert (cache.tokens, twin.tokens) == (common + left, common + right)


@given(parts=st.lists(st.integers(1, 4), max_size=6), cut=st.integers(0, 24))
def test_prefilled_counts_up_to_the_first_single_token(decoder: Decoder, parts: list[int], cut: int) -> None:
    cache = decoder.new_cache()
    for part in parts:
        cache.commit([5] * part)
    singles = [at for at, part in enumerate(parts) if part == 1]
    expected = sum(parts[: singles[0]] if singles else parts)
    assert cache.prefilled == expected
    KVCache.truncate(cache, cut)
    assert cache.prefilled == min(expected, cut)
