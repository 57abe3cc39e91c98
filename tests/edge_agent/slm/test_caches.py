"""What was read is not read again: taken over where it lies, or copied, and always what a prefill would make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.slm.cache import KVCache
from edge_agent.slm.caches import Caches
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.prefixes import BLOCK_TOKENS, PrefixStore
from edge_agent.slm.session import Session
from tests.edge_agent.slm.staged import Known

PLENTY = 1 << 28


@pytest.fixture
def decoder(shared: Session) -> Decoder:
    return Decoder(shared, window=512, weight_bytes=0)


def caches_of(decoder: Decoder, *, memory_bytes: int = PLENTY, drafts: bool = False) -> Caches:
    store = PrefixStore(decoder.cache_layout, max_bytes=memory_bytes)
    return Caches(decoder, store, Known(decoder, batches=False, drafts=drafts), None)


def text(seed: int, length: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 300, length)]


def read(decoder: Decoder, cache: KVCache, prompt: list[int]) -> int:
    """How many tokens of `prompt` had to be read."""
    missing = len(prompt) - len(cache)
    while len(cache) < len(prompt):
        decoder.read(cache, prompt, Interrupt())
    return missing


def test_a_prompt_that_goes_on_takes_the_cache_over_where_it_lies(decoder: Decoder) -> None:
    caches = caches_of(decoder)
    first = caches.open(text(0, 40), None, [])
    read(decoder, first, text(0, 40))
    caches.close(first, None)
    second = caches.open([*text(0, 40), *text(1, 10)], None, [])
    assert second is first
    assert read(decoder, second, [*text(0, 40), *text(1, 10)]) == 10


@pytest.mark.parametrize("drafts", [False, True])
def test_what_was_written_stays_where_it_counts_as_read(decoder: Decoder, drafts: bool) -> None:
    caches = caches_of(decoder, drafts=drafts)
    cache = caches.open(text(0, 40), None, [])
    read(decoder, cache, text(0, 40))
    decoder.forward(cache, [7], Interrupt())
    caches.close(cache, None)
    assert len(caches.open([*text(0, 40), 7, 8, 9], None, [])) == (41 if drafts else 40)


def test_an_earlier_answer_is_stored_a_block_at_a_time(decoder: Decoder) -> None:
    caches, length = caches_of(decoder), 2 * BLOCK_TOKENS + 10
    for seed in (0, 1):
        cache = caches.open(text(seed, length), None, [])
        read(decoder, cache, text(seed, length))
        caches.close(cache, None)
    stored = []
    while caches.settle():
        stored.append(caches.known([*text(0, length), 1, 2], None))
    assert stored == [BLOCK_TOKENS, 2 * BLOCK_TOKENS, length]
    assert caches.known([*text(1, length), 1, 2], None) == 0, "the latest stays where it is"


def test_what_is_not_stored_yet_is_known_all_the_same(decoder: Decoder) -> None:
    caches = caches_of(decoder)
    for seed in (0, 1):
        cache = caches.open(text(seed, 60), None, [])
        read(decoder, cache, text(seed, 60))
        caches.close(cache, None)
    other = [*text(0, 50), *text(2, 30)]
    assert read(decoder, caches.open(other, None, []), other) == 30


def test_nothing_is_left_when_it_is_to_be_forgotten(decoder: Decoder) -> None:
    caches = caches_of(decoder)
    for seed in (0, 1):
        cache = caches.open(text(seed, 60), None, [])
        read(decoder, cache, text(seed, 60))
        caches.close(cache, None)
    caches.forget()
    for seed in (0, 1):
        assert len(caches.open(text(seed, 60), None, [])) == 0


def test_without_room_nothing_stays(decoder: Decoder) -> None:
    caches = caches_of(decoder, memory_bytes=0)
    cache = caches.open(text(0, 60), None, [])
    read(decoder, cache, text(0, 60))
    caches.close(cache, None)
    assert len(caches.open([*text(0, 60), 5, 6], None, [])) == 0


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(2, 300), st.integers(0, 3)), min_size=2, max_size=6),
    st.integers(0, 400),
)
def test_whatever_was_asked_before_a_cache_holds_what_a_prefill_makes(
    shared: Session, asked: list[tuple[int, int, int]], room_tokens: int
) -> None:
    """`asked`: from which earlier prompt a prompt goes on, with how many tokens, and how often there was time."""
    decoder = Decoder(shared, window=512, weight_bytes=0)
    caches = caches_of(decoder, memory_bytes=room_tokens * decoder.cache_layout.bytes_per_token)
    prompts: list[list[int]] = [[]]
    for seed, (before, more, rests) in enumerate(asked):
        begin = prompts[before % len(prompts)]
        prompt = [*begin[: 500 - more], *text(seed, more)]
        prompts.append(prompt)
        cache = caches.open(prompt, None, [])
        cache.truncate(min(len(cache), len(prompt) - 2))
        alone = decoder.new_cache()
        read(decoder, cache, prompt)
        read(decoder, alone, prompt)
        for ours, theirs in zip(cache.buffers, alone.buffers, strict=True):
            np.testing.assert_array_equal(ours[:, :, : len(prompt)], theirs[:, :, : len(prompt)])
        caches.close(cache, None)
        for _ in range(rests):
            caches.settle()
