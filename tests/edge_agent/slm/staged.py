"""Parts for tests of the scheduler: a listener that remembers, and a decoder that tells what it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Sequence as Tokens

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.rows import Rows, SharedCache
from edge_agent.slm.run import Step
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session


class Tape:
    """Remembers the tokens of one answer, which ends after so many."""

    def __init__(self, most: int, log: Tokens[object] = ()) -> None:
        self.tokens: list[int] = []
        self.reads = 0
        self.error: Exception | None = None
        self.passes = 0
        """That the decoder had done when it ended."""
        self._most = most
        self._log = log
        self._ended = threading.Event()

    def step(self, step: Step) -> bool:
        if step.choice is None:
            self.reads += 1
        else:
            self.tokens.append(step.choice.token)
        return len(self.tokens) < self._most

    def end(self, error: Exception | None) -> None:
        assert not self._ended.is_set(), "ended twice"
        self.error = error
        self.passes = len(self._log)
        self._ended.set()

    def wait(self) -> list[int]:
        """The whole answer."""
        assert self._ended.wait(60)
        if self.error is not None:
            raise self.error
        return self.tokens


class Logged(Decoder):
    """Remembers its passes, and does what was asked for in the middle of some of them."""

    def __init__(self, session: Session, *, window: int = 512, chunk_tokens: int = 16) -> None:
        super().__init__(session, window=window, weight_bytes=0, chunk_tokens=chunk_tokens)
        self.passes: list[tuple[int, ...]] = []
        """Of each, how many tokens it was over in every sequence."""
        self.at: dict[int, Callable[[], object]] = {}

    def forward(self, cache: KVCache, tokens: Tokens[int], interrupt: Interrupt, *, keep: int = 1) -> Floats:
        self._log(len(tokens))
        return super().forward(cache, tokens, interrupt, keep=keep)

    def forward_batch(
        self, rows: Rows, caches: Tokens[SharedCache], tokens: Tokens[int], interrupt: Interrupt
    ) -> Floats:
        self._log(*[1] * len(tokens))
        return super().forward_batch(rows, caches, tokens, interrupt)

    def _log(self, *tokens: int) -> None:
        self.passes.append(tokens)
        self.at.pop(len(self.passes), lambda: None)()


class Known(Rounding):
    """Says what it is told."""

    def __init__(self, decoder: Decoder, *, batches: bool, drafts: bool = False) -> None:
        super().__init__(decoder)
        self.__dict__.update(batches=batches, drafts=drafts)


class Nothing:
    """Lets no token come: all logits are -inf, as those of a broken row."""

    complete = False

    def mask(self) -> NDArray[np.bool_]:
        return np.zeros(300, np.bool_)

    def advance(self, token: int) -> None:
        raise AssertionError

    def forced(self) -> list[int]:
        return []

    def accepts(self, tokens: Tokens[int]) -> int:
        return 0
