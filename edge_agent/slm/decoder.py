"""Prefill and decode: token ids in, one scored token after another out."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

import numpy as np

from edge_agent.slm.cache import KVCache, new_cache
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Choice, Floats
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.costs import PassCosts
from orchestrator.clock import SystemClock
from orchestrator.errors import ContextWindowExceeded
from orchestrator.ports import Clock

_DRAFT = 16
"""Most tokens drafted for one pass. More cost more than they bring even where they are copied."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an answer: a token, or (`choice` is None) a part of the prompt that was read.

    `bytes_moved` is what memory had to deliver: every weight once a pass, and the keys and values so far.
    """

    choice: Choice | None
    bytes_moved: int


class Decoder:
    """Runs a session over caches. It keeps nothing of a sequence itself, so caches may be interleaved, not shared."""

    def __init__(
        self,
        session: Session,
        *,
        window: int,
        weight_bytes: int,
        chunk_tokens: int = 128,
        clock: Clock | None = None,
    ) -> None:
        """Args:
        session: the loaded graph.
        window: prompt and answer together may not exceed this many tokens.
        weight_bytes: size of the weights, for `Step.bytes_moved`.
        chunk_tokens: how much of a prompt goes through the graph at once, at least 3. More needs more memory for
            scores and products, and was not faster beyond 128.
        clock: times the passes of `steps`; by default the system's.
        """
        self.costs = PassCosts()
        self._clock = clock or SystemClock()
        self._session = session
        self._window = window
        self._weight_bytes = weight_bytes
        self._chunk_tokens = chunk_tokens
        self._ones = np.ones((1, window), np.int64)
        self._positions = np.arange(window, dtype=np.int64)[None]

    @property
    def window(self) -> int:
        """Most tokens that a cache can hold."""
        return self._window

    @property
    def vocabulary(self) -> int:
        """V, the length of a row of logits."""
        return self._session.signature.vocabulary

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence."""
        return new_cache(self._session, self._window)

    def steps(self, cache: KVCache, sequence: Sequence, interrupt: Interrupt) -> Iterator[Step]:
        """Read the prompt of `sequence`, then write for as long as somebody asks, up to the edge of the window.

        What `cache` already holds of the prompt is not computed again, and the tokens are the same as if it were. The
        pass behind a token runs only when the next token is asked for: an answer that ends costs no pass for what
        would have followed.

        Raises:
            ContextWindowExceeded: the prompt fills the window.
            Interrupted: `interrupt` was set.
            InferenceFailed: the runtime failed, or the logits are not numbers.
        """
        prompt = list(sequence.tokens)
        if len(prompt) >= self._window:
            raise ContextWindowExceeded(f"a prompt of {len(prompt)} tokens in a window of {self._window}")
        for behind in self.prefill(cache, prompt, interrupt):
            logits = behind
            if len(cache) < len(prompt):
                yield Step(None, self._bytes_moved(cache))
        drafted: list[int] = []
        while True:
            moved = self._bytes_moved(cache)
            for choice in sequence.accept(drafted, logits):
                yield Step(choice, moved)
                moved = 0  # one pass, whatever it gave
            cache.truncate(len(sequence.tokens) - 1)
            if len(cache) == self._window:
                return
            drafted = sequence.draft(min(_DRAFT, self._window - len(cache) - 1))
            start = self._clock.monotonic()
            logits = self.forward(cache, [sequence.tokens[-1], *drafted], interrupt, keep=len(drafted) + 1)
            self.costs.observe(len(drafted) + 1, self._clock.monotonic() - start)

    def prefill(self, cache: KVCache, prompt: Tokens[int], interrupt: Interrupt) -> Iterator[Floats]:
        """Read what `cache` lacks of `prompt`, a chunk at a time.

        Yields:
            Float32 logits [1, V] behind each chunk; the last are those behind the prompt.

        Raises:
            As `forward`.
        """
        cache.truncate(reusable(cache, prompt))
        while left := len(prompt) - len(cache):
            size = min(left, self._chunk_tokens)
            size -= left - size == 1  # a single token alone would round differently
            yield self.forward(cache, prompt[len(cache) : len(cache) + size], interrupt)

    def forward(self, cache: KVCache, tokens: Tokens[int], interrupt: Interrupt, *, keep: int = 1) -> Floats:
        """One pass over `tokens`, S of them, which `cache` then holds.

        Args:
            keep: for how many of the last tokens logits are wanted.

        Returns:
            Float32 logits [keep, V]: row i tells what follows token S - keep + i.

        Raises:
            Interrupted: `interrupt` was set; the cache is as it was.
            InferenceFailed: the runtime failed.
        """
        signature = self._session.signature
        past, new = len(cache), len(tokens)
        binding = cache.bind(new)
        ids, mask = np.array([tokens], np.int64), self._ones[:, : past + new]
        for name, value in signature.feeds(ids, mask, self._positions[:, past : past + new], keep).items():
            binding.bind_cpu_input(name, value)
        rows = signature.logit_rows(new, keep)
        logits = np.empty((1, rows, signature.vocabulary), signature.logits_type)
        binding.bind_output("logits", "cpu", 0, signature.logits_type, logits.shape, logits.ctypes.data)
        self._session.run(binding, interrupt)
        cache.commit(tokens)
        return logits[0, -keep:].astype(np.float32, copy=False)

    def _bytes_moved(self, cache: KVCache) -> int:
        return self._weight_bytes + len(cache) * self._session.signature.cache_layout.bytes_per_token


def reusable(cache: KVCache, prompt: Tokens[int]) -> int:
    """How much of `cache` a prefill of `prompt` would make again, bit for bit: two tokens at least are left to it."""
    most = max(0, min(cache.prefilled, len(prompt) - 2))
    return next((at for at in range(most) if cache.tokens[at] != prompt[at]), most)
