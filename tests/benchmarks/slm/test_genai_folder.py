"""The folder that onnxruntime-genai loads."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest

from benchmarks.slm.contestant import Entry
from benchmarks.slm.genai_folder import write_folder


@pytest.mark.parametrize(("keep", "rows"), [(1, 1), (1 << 30, "sequence")])
def test_the_number_of_logits_becomes_a_constant(tiny_entry: Entry, tmp_path: Path, keep: int, rows: int | str) -> None:
    write_folder(tiny_entry.path, tmp_path, threads=1, keep=keep)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert {"input_ids", "attention_mask", "position_ids"} == {
        value.name for value in session.get_inputs() if not value.name.startswith("past")
    }
    assert session.get_outputs()[0].shape[1] == rows
    decoder = json.loads((tmp_path / "genai_config.json").read_text())["model"]["decoder"]
    names = {pattern % layer for pattern in decoder["inputs"].values() if "%d" in pattern for layer in (0, 1)}
    assert names == {value.name for value in session.get_inputs() if value.name.startswith("past")}
