"""onnxruntime-genai as a contestant, on our own graph: a folder as it wants one is made of a model folder of ours."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime_genai as genai
from onnx import numpy_helper

from benchmarks.slm.contestant import WINDOW, Entry, Prompt, Token
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import KEEP

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
            came.append((time.perf_counter(), str(token)))
            if token in self._ends:
                break
        return came

    def _begin(self, tokens: list[int]) -> None:
        parameters = genai.GeneratorParams(self._model)
        parameters.set_search_options(max_length=WINDOW, do_sample=False)
        self._generator = genai.Generator(self._model, parameters)
        self._generator.append_tokens(np.array(tokens, np.int32))
        self._read = list(tokens)


def write_folder(ours: Path, folder: Path, *, threads: int, keep: int) -> None:
    """Make `folder` what onnxruntime-genai loads: `genai_config.json`, and our graph with a fixed number of logits.

    It knows no input that says how many rows of logits are wanted, so that becomes a constant: `keep`.
    """
    files = ModelFolder(ours)
    graph = onnx.load(files.graph, load_external_data=False)
    inputs = [value for value in graph.graph.input if value.name != KEEP]
    del graph.graph.input[:]
    graph.graph.input.extend(inputs)
    graph.graph.initializer.append(numpy_helper.from_array(np.array(keep, np.int64), KEEP))
    (logits,) = (value for value in graph.graph.output if value.name == "logits")
    rows = logits.type.tensor_type.shape.dim[1]
    rows.Clear()
    if keep == 1:
        rows.dim_value = 1
    else:
        rows.dim_param = "sequence"
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    for data in files.graph.parent.glob(f"{files.graph.name}?data*"):
        _second_name(data, folder / data.name)
    (folder / "genai_config.json").write_text(json.dumps(genai_config(ours, threads)), encoding="utf-8")


def genai_config(ours: Path, threads: int) -> dict[str, Any]:
    """What it wants to know of a model folder of ours."""
    config = json.loads((ours / "config.json").read_text(encoding="utf-8"))
    decoder = {
        "filename": "model.onnx",
        "session_options": {"intra_op_num_threads": threads, "provider_options": []},
        "head_size": config["head_dim"],
        "hidden_size": config["hidden_size"],
        "num_attention_heads": config["num_attention_heads"],
        "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_key_value_heads"],
        "inputs": {
            **{name: name for name in ("input_ids", "attention_mask", "position_ids")},
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    model = {
        "type": "llama",
        "bos_token_id": config.get("bos_token_id") or 0,
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": 0,
        "context_length": WINDOW,
        "vocab_size": config["vocab_size"],
        "decoder": decoder,
    }
    search = {"do_sample": False, "max_length": WINDOW, "past_present_share_buffer": True}
    return {"model": model, "search": search}


def open_passes(entry: Entry, every_logit: bool) -> Genai:
    """See `Opening`."""
    return Genai(entry, every_logit=every_logit)


def open_answers(entry: Entry) -> Genai:
    """See `Opening`."""
    return Genai(entry)


def _second_name(file: Path, name: Path) -> None:
    """A link where the disk can, a copy elsewhere."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)
