from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.installed import installed, installed_names, verify
from edge_agent.slm.pull import pull
from orchestrator.errors import ModelCorrupt


def test_a_folder_that_was_put_there_by_hand(edgewise_home: Path) -> None:
    write_synthetic_model(edgewise_home / "models" / "by-hand")
    model = installed("by-hand")
    assert model
    assert model.manifest is None
    assert verify("by-hand").bytes > 0


@pytest.mark.parametrize("name", ["..", ".partial", "no/such", "nothing"])
@pytest.mark.usefixtures("edgewise_home")
def test_what_is_no_model(name: str) -> None:
    assert installed(name) is None


def test_a_missing_file_is_named(from_path: str) -> None:
    (pull(from_path).path / "tokenizer.json").unlink()
    with pytest.raises(ModelCorrupt, match=r"tokenizer\.json is damaged"):
        installed(from_path)


def test_a_manifest_that_is_damaged(from_path: str) -> None:
    (pull(from_path).path / "edgewise.json").write_text("{")
    with pytest.raises(ModelCorrupt, match=r"edgewise\.json is damaged"):
        installed(from_path)


def test_a_lost_graph_is_damage_and_not_absence(from_path: str) -> None:
    (pull(from_path).path / "model.onnx").unlink()
    assert installed_names() == [from_path]
    with pytest.raises(ModelCorrupt, match=r"model\.onnx is damaged"):
        installed(from_path)
