"""Which operators run where, and what they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.placement import Placements, placement
from edge_agent.slm.providers import CPU, Provider
from orchestrator.errors import ConfigError


def test_the_cpu_runs_everything(tiny_folder: Path) -> None:
    found = placement(tiny_folder / "model.onnx", CPU[0], threads=1)
    assert found.own["GroupQueryAttention"] == 2
    assert found.fallen == {}
    assert found.prefill_share == found.decode_share == 0.0
    assert found.prefill_ms > 0
    assert found.decode_ms > 0


def test_openvino_leaves_attention_to_the_cpu(tiny_folder: Path) -> None:
    pytest.importorskip("onnxruntime_ep_openvino", reason="the OpenVINO plug-in is not installed")
    found = placement(tiny_folder / "model.onnx", Provider.named("openvino"), threads=1)
    assert found.fallen == {"GroupQueryAttention": 2}
    assert 0 < found.decode_share < 1


def test_what_was_found_is_not_looked_for_again(tiny_folder: Path, tmp_path: Path) -> None:
    placements, graph = Placements(tmp_path / "placements.json"), tiny_folder / "model.onnx"
    first = placements.of(graph, CPU[0], threads=1)
    assert placements.of(graph, CPU[0], threads=1) == first
    assert Placements(tmp_path / "placements.json").of(graph, CPU[0], threads=1) == first


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_file_counts_as_empty(tiny_folder: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "placements.json"
    file.write_text(content)
    assert Placements(file).of(tiny_folder / "model.onnx", CPU[0], threads=1).own


def test_a_provider_that_is_not_there_is_said(tiny_folder: Path) -> None:
    with pytest.raises(ConfigError, match="cuda"):
        placement(tiny_folder / "model.onnx", Provider.named("cuda"), threads=1)
