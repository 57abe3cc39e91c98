from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from edge_agent.slm.convert.safetensors_files import INDEX, SINGLE, SafetensorsFiles
from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported

ALL = slice(None)
VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) / 4


@pytest.mark.parametrize(("kind", "size"), [(np.float32, 4), (np.float16, 2), (ml_dtypes.bfloat16, 2)])
def test_every_usual_type_comes_as_float32(tmp_path: Path, kind: type, size: int) -> None:
    save_file({"weight": VALUES.astype(kind)}, tmp_path / SINGLE)
    files = SafetensorsFiles(tmp_path)
    assert files.shapes == {"weight": (4, 3)}
    assert files.stored_bytes("weight") == 12 * size
    for rows in (ALL, slice(1, 3)):
        read = files.read("weight", rows)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, VALUES[rows])


def test_several_files_are_one_model(tmp_path: Path) -> None:
    save_file({"a": VALUES}, tmp_path / "model-1.safetensors")
    save_file({"b": VALUES + 1}, tmp_path / "model-2.safetensors")
    names = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": names}))
    files = SafetensorsFiles(tmp_path)
    np.testing.assert_array_equal(files.read("b", ALL), VALUES + 1)
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(ModelNotFound, match=r"model-2\.safetensors is missing"):
        SafetensorsFiles(tmp_path)


def test_another_type_is_named(tmp_path: Path) -> None:
    save_file({"weight": VALUES.astype(np.int8)}, tmp_path / SINGLE)
    with pytest.raises(ModelUnsupported, match="the tensor 'weight' as I8"):
        SafetensorsFiles(tmp_path).read("weight", ALL)


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-5], lambda content: content[:6], lambda content: b"\xff" * 64, lambda content: b""],
    ids=["cut short", "header only", "something else", "empty"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    save_file({"weight": VALUES}, tmp_path / SINGLE)
    path = tmp_path / SINGLE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelCorrupt, match=r"model\.safetensors is damaged or cut short") as error:
        SafetensorsFiles(tmp_path)
    assert error.value.remedy


@pytest.mark.parametrize("index", ["", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../elsewhere"}}', "{}"])
def test_an_index_that_is_none(tmp_path: Path, index: str) -> None:
    (tmp_path / INDEX).write_text(index)
    with pytest.raises(ModelCorrupt, match=r"model\.safetensors\.index\.json"):
        SafetensorsFiles(tmp_path)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"model\.safetensors is missing"):
        SafetensorsFiles(tmp_path)
