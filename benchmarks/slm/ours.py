"""Edgewise as a contestant."""

from __future__ import annotations

import asyncio

import numpy as np

from benchmarks.slm.contestant import WINDOW, Entry, Prompt, Token
from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from edge_agent.slm.speed import tokens_of
from orchestrator.clock import SystemClock

_CHUNK = 64
"""Rows of logits computed at once: a row of a large vocabulary is half a megabyte."""


class OurPasses:
    """The decoder's own passes."""

    def __init__(self, entry: Entry) -> None:
        files = ModelFolder(entry.path)
        session = Session.open(files.graph, threads=entry.threads, sizes=files.sizes)
        self._decoder = Decoder(session, window=WINDOW, weight_bytes=files.weight_bytes)
        self._interrupt = Interrupt()
        self._cache: KVCache = self._decoder.new_cache()
        self._behind: Floats = np.empty((0, 0), np.float32)
        self.weight_bytes = files.weight_bytes
        self.cache_bytes_per_token = session.signature.cache_layout.bytes_per_token

    def read(self, tokens: list[int]) -> None:
        """In the decoder's own chunks."""
        self._cache.truncate(0)
        while len(self._cache) < len(tokens):
            self._behind = self._decoder.read(self._cache, tokens, self._interrupt)

    def write(self, count: int) -> list[int]:
        """One pass a token."""
        written = []
        for _ in range(count):
            written.append(int(self._behind[-1].argmax()))
            self._behind = self._decoder.forward(self._cache, written[-1:], self._interrupt)
        return written

    def logits(self, tokens: list[int]) -> Floats:
        """In passes of several tokens."""
        self._cache.truncate(0)
        chunks = (tokens[at : at + _CHUNK] for at in range(0, len(tokens), _CHUNK))
        rows = [self._decoder.forward(self._cache, chunk, self._interrupt, keep=len(chunk)) for chunk in chunks]
        return np.concatenate(rows)


class OurAnswers:
    """The model as the agent uses it."""

    def __init__(self, entry: Entry) -> None:
        self._model = OnnxModel.open(
            entry.path, threads=entry.threads, context_tokens=WINDOW, speculation=entry.speculative
        )

    def answer(self, prompt: Prompt, most: int) -> list[Token]:
        """Template, tokenizer and text included."""
        return asyncio.run(tokens_of(self._model, prompt.messages, most, clock=SystemClock()))


def open_passes(entry: Entry, every_logit: bool) -> OurPasses:
    """See `Opening`; every logit can always be had."""
    return OurPasses(entry)


def open_answers(entry: Entry) -> OurAnswers:
    """See `Opening`."""
    return OurAnswers(entry)
