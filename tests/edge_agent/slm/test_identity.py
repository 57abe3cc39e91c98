"""Keys and values are reused only where everything that made them is the same."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest

from edge_agent.slm.identity import identity_of
from edge_agent.slm.providers import CPU, Provider


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "edgewise.json").write_text('{"name": "tiny"}')
    return tmp_path


def test_the_same_is_the_same(folder: Path) -> None:
    assert identity_of(folder, threads=2, providers=CPU) == identity_of(folder, threads=2, providers=list(CPU))


def test_a_folder_without_a_manifest_has_none(tmp_path: Path) -> None:
    assert identity_of(tmp_path, threads=2, providers=CPU) == ""


def test_model_runtime_and_machine_all_count(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("processor: 0\nmodel name: One\nflags: sse2 avx2\n")
    new.write_text("processor: 0\nmodel name: Two\nflags: sse2 avx2 avx512_vnni\n")
    found = [
        identity_of(folder, threads=2, providers=CPU, cpuinfo=old),
        identity_of(folder, threads=1, providers=CPU, cpuinfo=old),
        identity_of(folder, threads=2, providers=(Provider.named("openvino"), *CPU), cpuinfo=old),
        identity_of(folder, threads=2, providers=CPU, cpuinfo=new),
        identity_of(folder, threads=2, providers=CPU, cpuinfo=tmp_path / "no linux"),
    ]
    monkeypatch.setattr(onnxruntime, "__version__", "0.0.0")
    found.append(identity_of(folder, threads=2, providers=CPU, cpuinfo=old))
    (folder / "edgewise.json").write_text('{"name": "tiny", "converter_version": "2"}')
    found.append(identity_of(folder, threads=2, providers=CPU, cpuinfo=old))
    assert len(set(found)) == len(found)
