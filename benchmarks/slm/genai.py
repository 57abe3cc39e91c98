"""onnxruntime-genai as a contestant, on our own graph."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as genai

from benchmarks.slm.contestant import WINDOW, Entry, Prompt, Token
from benchmarks.slm.genai_folder import write_folder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.sampling import Floats

_ALL = 1 << 30


class Genai:
    """One loaded model: passes and answers alike."""

    def __init__(self, entry: Entry, *, every_logit: bool = False) -> None:
        # Its graph has to lie beside the weights, and these on the same disk, where a second name for them is enough.
        self._folder = tempfile.TemporaryDirectory(prefix=".genai-", dir=entry.path.parent)
        write_folder(entry.path, Path(self._folder.name), threads=entry.threads, keep=_ALL if every_logit else 1)
        self._model = genai.Model(self._folder.name)
        self._ends = entry.ends
        self._generator: Any = None
        self._read: list[int] = []
        files, config = ModelFolder(entry.path), json.loads((entry.path / "config.json").read_text(encoding="utf-8"))
        self.weight_bytes = files.weight_bytes
        self.cache_bytes_per_token = (
            2 * 4 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"]
        )

    def read(self, tokens: list[int]) -> None:
        """In one pass: it has no chunks of its own unless told."""
        self._begin(tokens)
        self._generator.generate_next_token()  # takes over the first token; the pass behind it waits for the next call

    def write(self, count: int) -> list[int]:
        """One pass a token."""
        written = []
        for _ in range(count):
            self._generator.generate_next_token()
            written.append(int(self._generator.get_next_tokens()[0]))
        return written

    def logits(self, tokens: list[int]) -> Floats:
        """The graph's whole output."""
        self._begin(tokens)
        return np.array(self._generator.get_output("logits")[0], np.float32)

    def answer(self, prompt: Prompt, most: int) -> list[Token]:
        """Its generator goes on where the new prompt continues the last one, and begins anew elsewhere."""
        tokens, held = list(prompt.tokens), len(self._read)
        if self._generator is not None and held < len(tokens) and tokens[:held] == self._read:
            self._generator.rewind_to(held)
            self._generator.append_tokens(np.array(tokens[held:], np.int32))
            self._read = tokens
        else:
            self._begin(tokens)
        came: list[Token] = []
        while len(came) < most:
            self._generator.generate_next_token()
            token = int(self._generator.get_next_tokens()[0])
            came.append((time.monotonic(), str(token)))
            if token in self._ends:
                break
        return came

    def _begin(self, tokens: list[int]) -> None:
        parameters = genai.GeneratorParams(self._model)
        parameters.set_search_options(max_length=WINDOW, do_sample=False)
        self._generator = genai.Generator(self._model, parameters)
        self._generator.append_tokens(np.array(tokens, np.int32))
        self._read = list(tokens)


def open_passes(entry: Entry, every_logit: bool) -> Genai:
    """See `Opening`."""
    return Genai(entry, every_logit=every_logit)


def open_answers(entry: Entry) -> Genai:
    """See `Opening`."""
    return Genai(entry)
