"""A folder as onnxruntime-genai wants one, made of a model folder of ours."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.slm.contestant import WINDOW
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.signature import KEEP


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


def _second_name(file: Path, name: Path) -> None:
    """A link where the disk can, a copy elsewhere."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)
