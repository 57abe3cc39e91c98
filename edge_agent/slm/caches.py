"""Where an answer's KV cache comes from, and what becomes of it: nothing that was read is read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.slm.beginning import common
from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.prefixes import BLOCK_TOKENS, Kept, PrefixStore
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.rows import Rows
from edge_agent.slm.system_prompt import SystemPrompt

_STAY: Final = 2
"""Answers that are over and not yet stored, at most: the latest, and one that is on its way."""


@dataclass(eq=False, slots=True)
class _Left:
    """What an answer left, and how many tokens of it the store has."""

    cache: KVCache
    stored: int = 0


class Caches:
    """Hands out caches with what is known of a prompt, and takes them back with what was read into them.

    The cache of the answer before stays open: a prompt that continues all of it, as the next turn of a conversation
    does, takes it over where it lies. What earlier answers left goes to the prefix store, a block at a time while
    nothing else is to be done, and is copied from there. One thread uses the caches: the one that computes.
    """

    def __init__(self, decoder: Decoder, prefixes: PrefixStore, rounding: Rounding, rows: Rows | None) -> None:
        """Args:
        decoder: whose caches they are.
        prefixes: keeps what was read for later prompts.
        rounding: tells whether what was written counts as read.
        rows: for caches that share passes; without it each has its memory to itself, and only then one stays open:
            rows of a batch lie without a gap, and an idle one would be moved about.
        """
        self._decoder = decoder
        self._prefixes = prefixes
        self._rounding = rounding
        self._rows = rows
        self._left: list[_Left] = []
        """Of answers that are over, the latest last. All but that one are on their way to the store."""

    def known(self, prompt: Sequence[int], system: SystemPrompt | None) -> int:
        """How many tokens of a prompt need not be read, for what earlier answers left."""
        kept = self._prefixes.match(prompt, system)
        return kept.length if kept else 0

    def open(self, prompt: Sequence[int], system: SystemPrompt | None, others: Sequence[KVCache]) -> KVCache:
        """A cache with the longest known beginning of a prompt.

        Args:
            prompt: its tokens.
            system: how it begins, where that may be known on disk.
            others: of the answers in progress.

        Raises:
            InferenceFailed: there is not enough memory.
        """
        for left in self._left:
            if common(left.cache.tokens, prompt) == len(left.cache):
                self._left.remove(left)
                return left.cache
        cache = self._decoder.new_cache() if self._rows is None else self._rows.open()
        try:
            _fill(cache, prompt, self._prefixes.match(prompt, system), [*others, *(left.cache for left in self._left)])
        except BaseException:
            cache.close()
            raise
        return cache

    def close(self, cache: KVCache, system: SystemPrompt | None) -> None:
        """Take back the cache of an answer that is over, and keep what can be used again.

        Raises:
            InferenceFailed: there is not enough memory to keep it; it is closed all the same.
        """
        try:
            if len(cache) > cache.prefilled and self._rounding.drafts:
                cache.prefilled = len(cache)  # then a prefill would make the same of what was written
            cache.truncate(cache.prefilled)
            if system is not None:
                self._prefixes.save(system, cache.tokens, cache.buffers)
        except BaseException:
            cache.close()
            raise
        if self._rows is not None or not 0 < len(cache) <= self._prefixes.most_tokens:
            self._store(cache)
            return
        self._left.append(_Left(cache))
        if len(self._left) > _STAY:
            self._store(self._left.pop(0).cache)

    def settle(self) -> bool:
        """Take a step of what may be done later: a block of an earlier answer goes to the store. False: all are there.

        Raises:
            MemoryError: there is not enough for it; the answer is not kept.
        """
        if len(self._left) < _STAY:
            return False
        left = self._left[0]
        left.stored += BLOCK_TOKENS
        if left.stored >= len(left.cache):
            self._store(self._left.pop(0).cache)
            return True
        try:
            self._prefixes.keep(left.cache.tokens[: left.stored], left.cache.buffers)
        except MemoryError:
            self._left.pop(0).cache.close()
            raise
        return True

    def forget(self) -> None:
        """Drop what earlier answers left."""
        for left in self._left:
            left.cache.close()
        self._left.clear()
        self._prefixes.clear()

    def _store(self, cache: KVCache) -> None:
        try:
            if cache.tokens:
                self._prefixes.keep(cache.tokens, cache.buffers)
        finally:
            cache.close()


def _fill(cache: KVCache, prompt: Sequence[int], kept: Kept | None, others: Sequence[KVCache]) -> None:
    """Copy the longest beginning of a prompt into an empty cache, from what is kept or from another cache."""
    lengths = [min(common(other.tokens, prompt), other.prefilled) for other in others]
    longest = min(max(lengths, default=0), len(prompt) - 2)
    if longest > (kept.length if kept else 0):
        cache.fork(others[lengths.index(max(lengths))], longest)
    elif kept is not None:
        cache.restore(prompt, kept)
