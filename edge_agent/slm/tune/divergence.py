"""How far a graph is from full precision: both read the same text, token by token, and are asked what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from edge_agent.slm.closeness import agrees, kl_nats
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session

# Tokens of a pass: logits of a large vocabulary take half a megabyte a token.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Divergence:
    """Means over the tokens of a text.

    Attributes:
        kl: Kullback-Leibler divergence of the model's next token from full precision's, in nats.
        agreement: how often both hold the same token for the likeliest, 0 to 1.
    """

    kl: float
    agreement: float


class Reading:
    """Texts that graphs read, and what full precision said to them."""

    def __init__(self, texts: Sequence[Sequence[int]], exact: Path, *, threads: int) -> None:
        """Args:
        texts: token ids; of each at least two, and no more than the model's window.
        exact: the graph in full precision.
        threads: of the sessions.
        """
        self._texts = texts
        self._threads = threads
        self._wanted = self._logits(exact)

    @property
    def tokens(self) -> int:
        """How many are read."""
        return sum(map(len, self._texts))

    def compare(self, graph: Path) -> Divergence:
        """Let `graph` read the texts.

        Raises:
            ModelError: it cannot be loaded, or fails.
        """
        kl, same = [], []
        for ours, exact in zip(self._logits(graph), self._wanted, strict=True):
            kl.append(kl_nats(exact, ours))
            same.append(agrees(exact, ours))
        return Divergence(float(np.concatenate(kl).mean()), float(np.concatenate(same).mean()))

    def _logits(self, graph: Path) -> list[Floats]:
        """What the graph says behind each token: [S, V] for each piece of each text."""
        session = Session.open(graph, threads=self._threads)
        window = max(map(len, self._texts))
        decoder = Decoder(session, window=window, weight_bytes=0, chunk_tokens=_CHUNK)
        pieces: list[Floats] = []
        for text in self._texts:
            cache = decoder.new_cache()
            pieces += [decoder.forward(cache, piece, Interrupt(), keep=len(piece)) for piece in _pieces(text)]
        return pieces


def _pieces(text: Sequence[int]) -> list[Sequence[int]]:
    """A single token alone would go through other kernels."""
    cuts = [*range(0, len(text) - 1, _CHUNK), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]
