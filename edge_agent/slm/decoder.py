"""Passes of a decoder graph: token ids in, logits out."""

from __future__ import annotations

from collections.abc import Sequence as Tokens

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.cache import GrownCache, KVCache
from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rows import Rows, SharedCache
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.costs import PassCosts
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock


class Decoder:
    """Runs a session over caches. It keeps nothing of a sequence itself, so passes may be interleaved."""

    def __init__(
        self,
        session: Session,
        *,
        window: int,
        weight_bytes: int,
        chunk_tokens: int = 128,
        steady: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Args:
        session: the loaded graph.
        window: prompt and answer together may not exceed this many tokens.
        weight_bytes: size of the weights, for `Step.bytes_moved`.
        chunk_tokens: how much of a prompt goes through the graph at once, at least 3. More needs more memory for
            scores and products, and was not faster beyond 128.
        steady: have passes over one token round as passes over several, where the graph can: drafts are exact then, and
            answers are kept for later prompts, too. A long text takes a tenth longer a token, and one pass cannot go
            over several sequences.
        clock: times the passes of `write`; by default the system's.
        """
        self.costs = PassCosts()
        """What passes of `write` took."""
        self._clock = clock or SystemClock()
        self._session = session
        self._window = window
        self._weight_bytes = weight_bytes
        self._chunk_tokens = chunk_tokens
        self._steady = steady and session.signature.shared_kv and session.signature.spare_place
        self._ones = np.ones((1, window), np.int64)
        self._positions = np.arange(window, dtype=np.int64)[None]

    @property
    def vocabulary(self) -> int:
        """V, the length of a row of logits."""
        return self._session.signature.vocabulary

    @property
    def window(self) -> int:
        """Most tokens that a cache can hold."""
        return self._window

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence, which takes its memory with it."""
        return self.new_rows(1).open() if self._session.signature.shared_kv else GrownCache(self._session)

    def new_rows(self, most: int) -> Rows:
        """Room for the caches of up to `most` sequences side by side, where `batches`."""
        return Rows(self._session, self._window, most)

    @property
    def cache_layout(self) -> CacheLayout:
        """How the keys and values of a token lie in memory."""
        return self._session.signature.cache_layout

    @property
    def batches(self) -> bool:
        """Whether one pass can go over several sequences: the graph appends to caches in place,
        and attends from no spare place."""
        return self._session.signature.shared_kv and not self._steady

    def read(self, cache: KVCache, text: Tokens[int], interrupt: Interrupt) -> Floats:
        """One pass over the next chunk of `text`, behind what `cache` holds of it.

        Returns:
            Float32 logits [1, V] behind the chunk.

        Raises:
            As `forward`.
        """
        at, left = len(cache), len(text) - len(cache)
        size = min(left, self._chunk_tokens)
        size -= left - size == 1  # a single token alone may round differently
        return self.forward(cache, text[at : at + size], interrupt)

    def write(self, cache: KVCache, tokens: Tokens[int], interrupt: Interrupt) -> Floats:
        """One pass over the last token of a text and what was drafted behind it.

        Returns:
            Float32 logits [len(tokens), V] behind each.

        Raises:
            As `forward`.
        """
        start = self._clock.monotonic()
        logits = self.forward(cache, tokens, interrupt, keep=len(tokens))
        self.costs.observe(len(tokens), self._clock.monotonic() - start)
        return logits

    def forward(self, cache: KVCache, tokens: Tokens[int], interrupt: Interrupt, *, keep: int = 1) -> Floats:
        """One pass over `tokens`, S of them, which `cache` then holds.

        Args:
            keep: for how many of the last tokens logits are wanted.

        Returns:
            Float32 logits [keep, V]: row i tells what follows token S - keep + i.

        Raises:
            Interrupted: `interrupt` was set; the cache is as it was.
            InferenceFailed: the runtime failed, or there is not enough memory.
        """
        past, new = len(cache), len(tokens)
        binding = cache.bind(new)
        ids, mask = np.array([tokens], np.int64), self._ones[:, : past + new]
        if self._steady and new == 1:
            mask = np.pad(mask, ((0, 0), (0, 1)))  # the spare place: see convert.attention
        logits = self._run(binding, ids, mask, self._positions[:, past : past + new], keep, interrupt)
        cache.commit(tokens)
        return logits[0, -keep:]

    def forward_batch(
        self, rows: Rows, caches: Tokens[SharedCache], tokens: Tokens[int], interrupt: Interrupt
    ) -> Floats:
        """One pass over one more token of each of several sequences.

        Args:
            rows: where the caches are.
            caches: B of them, of any length.
            tokens: one for each.

        Returns:
            Float32 logits [B, V].

        Raises:
            As `forward`; all caches are as they were then.
        """
        binding = rows.bind_batch(caches)
        lengths = np.array([len(cache) for cache in caches], np.int64)[:, None]
        mask = (self._positions[:, : lengths.max() + 1] <= lengths).astype(np.int64)
        logits = self._run(binding, np.array(tokens, np.int64)[:, None], mask, lengths, 1, interrupt)
        for cache, token in zip(caches, tokens, strict=True):
            cache.commit([token])
        return logits[:, -1]

    def bytes_moved(self, cache: KVCache, *, sharing: int = 1) -> int:
        """What memory delivers for a pass over a sequence: its keys and values, and its share of the weights.

        Args:
            sharing: how many sequences the pass is over.
        """
        return self._weight_bytes // sharing + len(cache) * self.cache_layout.bytes_per_token

    def _run(
        self,
        binding: onnxruntime.IOBinding,
        ids: NDArray[np.int64],
        mask: NDArray[np.int64],
        positions: NDArray[np.int64],
        keep: int,
        interrupt: Interrupt,
    ) -> Floats:
        """Float32 logits [B, `keep` or more, V] of a pass whose caches are bound."""
        signature = self._session.signature
        for name, value in signature.feeds(ids, mask, positions, keep).items():
            binding.bind_cpu_input(name, value)
        batch, new = ids.shape
        shape = batch, signature.logit_rows(new, keep), signature.vocabulary
        logits = np.empty(shape, signature.logits_type)
        binding.bind_output("logits", "cpu", 0, signature.logits_type, shape, logits.ctypes.data)
        self._session.run(binding, interrupt)
        return logits.astype(np.float32, copy=False)
