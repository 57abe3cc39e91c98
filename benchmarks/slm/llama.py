"""llama.cpp through llama-cpp-python as a contestant, with its own defaults but for threads and the window."""

from __future__ import annotations

import time

import llama_cpp
import numpy as np

from benchmarks.slm.contestant import WINDOW, Entry, Prompt, Token
from edge_agent.slm.sampling import Floats

_TEACHER_WINDOW = 1024


class Llama:
    """One loaded GGUF file: passes and answers alike."""

    def __init__(self, entry: Entry, *, every_logit: bool = False) -> None:
        window = _TEACHER_WINDOW if every_logit else WINDOW
        self._ends = entry.ends
        self._llama = llama_cpp.Llama(
            str(entry.path),
            n_ctx=window,
            n_threads=entry.threads,
            n_threads_batch=entry.threads,
            logits_all=every_logit,
            verbose=False,
        )
        self._context = self._llama.ctx
        self.weight_bytes = entry.path.stat().st_size
        keys = int(llama_cpp.llama_model_n_embd(self._llama.model)) // llama_cpp.llama_model_n_head(self._llama.model)
        keys *= llama_cpp.llama_model_n_head_kv(self._llama.model)
        self.cache_bytes_per_token = 2 * 2 * keys * llama_cpp.llama_model_n_layer(self._llama.model)
        """Keys and values of 16 bits, its default."""

    def read(self, tokens: list[int]) -> None:
        """In its own batches."""
        self._llama.reset()
        self._llama.eval(tokens)

    def write(self, count: int) -> list[int]:
        """One pass a token."""
        written, width = [], self._llama.n_vocab()
        for _ in range(count):
            row = llama_cpp.llama_get_logits_ith(self._context, -1)
            written.append(int(np.ctypeslib.as_array(row, shape=(width,)).argmax()))
            self._llama.eval(written[-1:])
        return written

    def logits(self, tokens: list[int]) -> Floats:
        """All rows, which it keeps where it was asked to."""
        self.read(tokens)
        return np.array(self._llama.scores[: len(tokens)], np.float32)

    def answer(self, prompt: Prompt, most: int) -> list[Token]:
        """Its own loop, which reuses what the last prompt and this one begin with alike."""
        came: list[Token] = []
        for token in self._llama.generate(list(prompt.tokens), temp=0.0):
            came.append((time.monotonic(), str(token)))
            if token in self._ends or len(came) == most:
                break
        return came


def open_passes(entry: Entry, every_logit: bool) -> Llama:
    """See `Opening`."""
    return Llama(entry, every_logit=every_logit)


def open_answers(entry: Entry) -> Llama:
    """See `Opening`."""
    return Llama(entry)
