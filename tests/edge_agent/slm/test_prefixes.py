"""Prompts that begin alike share what was read of them, to the token and within the bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.prefix_files import PrefixFiles
from edge_agent.slm.prefixes import BLOCK_TOKENS, PrefixStore
from edge_agent.slm.system_prompt import SystemPrompt, system_prompt
from orchestrator.types import Message

LAYOUT = CacheLayout(arrays=4, kv_heads=2, head_dim=3, dtype=np.dtype(np.float32))
PLENTY = 1 << 30
CAPACITY = 700


def computed(tokens: list[int], layout: CacheLayout = LAYOUT) -> list[NDArray[np.floating]]:
    """Keys and values as a graph would make them: each place depends on all tokens up to there."""
    history = np.cumsum(np.array(tokens) * 7919 % 1009 * np.arange(1, len(tokens) + 1)) % 2039
    buffers = []
    for index in range(layout.arrays):
        buffer = np.full((1, layout.kv_heads, CAPACITY, layout.head_dim), -1, layout.dtype)
        buffer[0, :, : len(tokens)] = (history + index)[None, :, None] + np.arange(layout.head_dim)
        buffers.append(buffer)
    return buffers


def recalled(store: PrefixStore, prompt: list[int], layout: CacheLayout = LAYOUT) -> int:
    """How much of `prompt` the store knows, after a look that what it gives is right."""
    kept = store.match(prompt)
    if kept is None:
        return 0
    got = [np.full_like(buffer, -1) for buffer in computed([0], layout)]
    kept.copy_to(got)
    for ours, theirs in zip(computed(prompt[: kept.length], layout), got, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return kept.length


def store(max_bytes: int = PLENTY) -> PrefixStore:
    return PrefixStore(LAYOUT, max_bytes=max_bytes)


def bytes_of(tokens: int) -> int:
    return tokens * LAYOUT.bytes_per_token


def prompt_of(length: int, seed: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(0, 50, length)]


class TestMatch:
    def test_an_empty_store_knows_nothing(self) -> None:
        assert store().match([1, 2, 3, 4]) is None

    @pytest.mark.parametrize("length", [3, 127, 128, 129, 130, 131, 256, 300])
    def test_two_tokens_of_a_known_prompt_are_read_anew(self, length: int) -> None:
        kept, prompt = store(), prompt_of(length, 1)
        kept.keep(prompt, computed(prompt))
        assert recalled(kept, prompt) == length - 2

    @pytest.mark.parametrize("prompt", [[], [1], [1, 2]])
    def test_a_prompt_of_two_tokens_has_nothing_to_gain(self, prompt: list[int]) -> None:
        kept = store()
        kept.keep([1, 2, 3], computed([1, 2, 3]))
        assert kept.match(prompt) is None

    @pytest.mark.parametrize("shared", [1, 2, 100, 127, 128, 129, 200, 256, 290])
    def test_what_two_prompts_share_is_found_to_the_token(self, shared: int) -> None:
        kept, first = store(), prompt_of(300, 1)
        kept.keep(first, computed(first))
        other = [*first[:shared], *(99, 98, 97)]
        assert recalled(kept, other) == shared

    def test_the_longest_of_several_beginnings_wins(self) -> None:
        kept, prompt = store(), prompt_of(300, 1)
        for shared in (250, 40, 131):
            other = [*prompt[:shared], *prompt_of(20, shared + 100)]
            kept.keep(other, computed(other))
        assert recalled(kept, prompt) >= 250

    def test_a_match_outlives_what_it_was_made_from(self) -> None:
        kept, prompt = store(), prompt_of(300, 1)
        kept.keep(prompt, computed(prompt))
        match = kept.match(prompt)
        kept.clear()
        got = [np.full_like(buffer, -1) for buffer in computed([0])]
        assert match is not None
        match.copy_to(got)
        np.testing.assert_array_equal(got[3][:, :, :298], computed(prompt)[3][:, :, :298])
        assert kept.match(prompt) is None
        assert kept.bytes == 0

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400), st.integers(0, 9)), max_size=8), st.integers(0, 3)
    )
    def test_every_prompt_gets_its_longest_common_beginning(self, kept: list[tuple[int, int, int]], seed: int) -> None:
        """Prompts of a few stems, cut anywhere, with tails of their own."""
        known, prompts = store(), []
        for stem, cut, tail in kept:
            prompt = [*prompt_of(400, stem)[:cut], *prompt_of(tail, tail + 10)]
            prompts.append(prompt)
            known.keep(prompt, computed(prompt) if prompt else computed([0]))
        asked = prompt_of(400, seed)
        longest = max((_common(prompt, asked) for prompt in prompts), default=0)
        assert recalled(known, asked) == min(longest, len(asked) - 2)


class TestKeep:
    def test_what_is_known_takes_no_more_room(self) -> None:
        kept, prompt = store(), prompt_of(300, 1)
        kept.keep(prompt, computed(prompt))
        for length in (300, 200, 128, 50):
            kept.keep(prompt[:length], computed(prompt[:length]))
        assert kept.bytes == bytes_of(300)

    def test_a_longer_prompt_takes_the_place_of_its_beginning(self) -> None:
        kept, prompt = store(), prompt_of(300, 1)
        for length in (50, 100, 150, 300):
            kept.keep(prompt[:length], computed(prompt[:length]))
        assert kept.bytes == bytes_of(300)
        assert recalled(kept, prompt) == 298

    def test_prompts_share_the_blocks_that_they_begin_with(self) -> None:
        kept, stem = store(), prompt_of(2 * BLOCK_TOKENS, 1)
        for token in range(5):
            kept.keep([*stem, token], computed([*stem, token]))
        assert kept.bytes == bytes_of(2 * BLOCK_TOKENS + 5)

    def test_the_caller_may_go_on_writing_into_its_buffers(self) -> None:
        kept, prompt = store(), prompt_of(200, 1)
        buffers = computed(prompt)
        kept.keep(prompt, buffers)
        for buffer in buffers:
            buffer[:] = 0
        assert recalled(kept, prompt) == 198

    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    @pytest.mark.parametrize("arrays", [2, 60])
    def test_any_number_of_layers_in_either_precision(self, arrays: int, dtype: str) -> None:
        layout = CacheLayout(arrays=arrays, kv_heads=1, head_dim=8, dtype=np.dtype(dtype))
        kept, prompt = PrefixStore(layout, max_bytes=PLENTY), prompt_of(150, 1)
        kept.keep(prompt, [buffer[0] for buffer in computed(prompt, layout)])
        assert recalled(kept, prompt, layout) == 148


class TestBound:
    def test_nothing_is_kept_in_no_room(self) -> None:
        kept = store(max_bytes=0)
        kept.keep([1, 2, 3, 4], computed([1, 2, 3, 4]))
        assert kept.match([1, 2, 3, 4]) is None

    def test_of_a_prompt_beyond_the_bound_the_beginning_is_kept(self) -> None:
        kept, prompt = store(max_bytes=bytes_of(200)), prompt_of(500, 1)
        kept.keep(prompt, computed(prompt))
        assert recalled(kept, prompt) == 200

    def test_what_was_not_used_for_longest_goes_first(self) -> None:
        kept = store(max_bytes=bytes_of(300))
        prompts = [[seed, *prompt_of(99, seed)] for seed in range(4)]
        for prompt in prompts[:3]:
            kept.keep(prompt, computed(prompt))
        assert recalled(kept, prompts[0]) == 98
        kept.keep(prompts[3], computed(prompts[3]))
        assert [recalled(kept, prompt) for prompt in prompts] == [98, 0, 98, 98]

    def test_a_shared_beginning_outlives_the_ends_behind_it(self) -> None:
        kept, stem = store(max_bytes=bytes_of(BLOCK_TOKENS + 100)), prompt_of(BLOCK_TOKENS, 1)
        for seed in range(6):
            prompt = [*stem, seed, *prompt_of(59, seed)]
            kept.keep(prompt, computed(prompt))
        assert recalled(kept, [*stem, 77, 78, 79]) == BLOCK_TOKENS

    @given(
        st.integers(0, 500),
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 400), st.integers(0, 9), st.booleans()), max_size=12),
    )
    def test_the_bound_holds_and_the_latest_prompt_is_there(
        self, room: int, uses: list[tuple[int, int, int, bool]]
    ) -> None:
        kept = store(max_bytes=bytes_of(room))
        for stem, cut, tail, asked in uses:
            prompt = [*prompt_of(400, stem)[:cut], *prompt_of(tail, tail + 10)]
            if asked:
                recalled(kept, prompt)
            kept.keep(prompt, computed(prompt))
            assert kept.bytes <= bytes_of(room)
            assert recalled(kept, prompt) >= min(room, len(prompt) - 2)


class TestSaved:
    def test_a_saved_system_prompt_is_known_to_the_next_process(self, tmp_path: Path) -> None:
        prompt = prompt_of(300, 1)
        saving = _with_files(tmp_path)
        assert recalled(saving, prompt) == 0
        saving.save(_system(prompt[:200]), prompt, computed(prompt))
        fresh = _with_files(tmp_path)
        other = [*prompt[:200], 3, 3, 3]
        match = fresh.match(other, _system(prompt[:200]))
        assert match is not None
        assert match.length == 200
        assert recalled(fresh, prompt) == 200, "no more than the system prompt was saved"

    def test_what_memory_knows_is_not_read_from_disk(self, tmp_path: Path) -> None:
        prompt = prompt_of(300, 1)
        kept = _with_files(tmp_path)
        kept.keep(prompt, computed(prompt))
        kept.save(_system(prompt[:200]), prompt, computed(prompt))
        for file in tmp_path.iterdir():
            file.unlink()
        match = kept.match(prompt, _system(prompt[:200]))
        assert match is not None
        assert match.length == 298

    def test_only_what_was_read_of_a_system_prompt_could_be_saved(self, tmp_path: Path) -> None:
        prompt = prompt_of(300, 1)
        kept = _with_files(tmp_path)
        kept.save(_system(prompt[:200]), prompt[:150], computed(prompt[:150]))
        assert not list(tmp_path.iterdir())

    def test_forgetting_the_prompts_takes_the_saved_ones_along_and_they_can_be_saved_again(
        self, tmp_path: Path
    ) -> None:
        prompt = prompt_of(300, 1)
        kept = _with_files(tmp_path)
        for _ in range(2):
            kept.save(_system(prompt[:200]), prompt, computed(prompt))
            assert list(tmp_path.iterdir())
            kept.clear()
            assert not list(tmp_path.iterdir())
            assert kept.match(prompt, _system(prompt[:200])) is None


def _with_files(folder: Path) -> PrefixStore:
    files = PrefixFiles(folder, identity="ours", layout=LAYOUT, max_bytes=PLENTY)
    return PrefixStore(LAYOUT, max_bytes=PLENTY, files=files)


def _system(tokens: list[int]) -> SystemPrompt:
    made = system_prompt([Message("user", "")], tokens, lambda _: tokens)
    assert made is not None
    return made


def _common(one: list[int], other: list[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
