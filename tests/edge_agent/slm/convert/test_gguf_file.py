from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest

from edge_agent.slm.convert.gguf_file import GgufFile
from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported

Q = gguf.GGMLQuantizationType
KINDS = [Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with every type of value, and one tensor of 3 x 64."""
    path = tmp_path / "some.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("n.uint32", 7)
    writer.add_int64("n.int64", -(2**40))
    writer.add_float32("n.float", 0.5)
    writer.add_bool("n.bool", True)
    writer.add_string("n.text", "naïve 🐝")
    writer.add_array("n.texts", ["a", "", "ü"])
    writer.add_array("n.numbers", [1, -2, 3])
    writer.add_tensor("t", np.arange(192, dtype=np.float32).reshape(3, 64))
    write(writer)
    return path


def write(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_metadata_and_tensors_are_read(path: Path) -> None:
    file = GgufFile(path)
    expected = {"n.uint32": 7, "n.int64": -(2**40), "n.float": 0.5, "n.bool": True, "n.text": "naïve 🐝"}
    expected |= {"general.architecture": "llama", "n.texts": ["a", "", "ü"], "n.numbers": [1, -2, 3]}
    assert dict(file.metadata) == expected
    assert file.tensors == {"t": (3, 64)}
    assert file.stored_bytes("t") == 192 * 4
    np.testing.assert_array_equal(file.read("t"), np.arange(192).reshape(3, 64))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_stored_types_are_decoded(tmp_path: Path, kind: Q) -> None:
    # More than is decoded at a time.
    rows = 70_000 if kind == Q.F16 else 50
    values = np.random.default_rng(0).standard_normal((rows, 64), np.float32)
    writer = gguf.GGUFWriter(tmp_path / "some.gguf", "llama")
    writer.add_tensor("t", gguf.quantize(values, kind), raw_dtype=kind)
    write(writer)
    read = GgufFile(tmp_path / "some.gguf").read("t")
    assert read.shape == values.shape
    assert np.abs(read - values).max() < 0.6
    assert np.corrcoef(read.ravel(), values.ravel())[0, 1] > 0.99


def test_values_are_asked_for_by_kind(path: Path) -> None:
    file = GgufFile(path)
    assert file.require("n.uint32", int) == 7
    assert file.require("n.uint32", float) == 7.0
    assert file.optional("n.absent", "nothing") == "nothing"
    assert file.require_list("n.texts", str) == ["a", "", "ü"]


def test_a_missing_value_is_named(path: Path) -> None:
    with pytest.raises(ModelCorrupt, match=r"some\.gguf has no metadata 'n\.absent'") as error:
        GgufFile(path).require("n.absent", int)
    assert error.value.remedy


@pytest.mark.parametrize(("key", "kind"), [("n.text", int), ("n.bool", int), ("n.uint32", str), ("n.texts", str)])
def test_a_value_of_another_kind_is_named(path: Path, key: str, kind: type[object]) -> None:
    with pytest.raises(ModelCorrupt, match=f"wrong kind of metadata '{key}'"):
        GgufFile(path).require(key, kind)


def test_a_list_of_another_kind_is_named(path: Path) -> None:
    with pytest.raises(ModelCorrupt, match=r"wrong kind of metadata 'n\.numbers'"):
        GgufFile(path).require_list("n.numbers", str)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"absent\.gguf"):
        GgufFile(tmp_path / "absent.gguf")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\3\4 a wheel that nobody unpacked, or any other file"])
def test_not_a_gguf_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"other\.gguf is (not a|too short for a) GGUF file") as error:
        GgufFile(path)
    assert error.value.remedy


def test_a_file_cut_anywhere_is_said_to_be_cut_short(path: Path) -> None:
    content = path.read_bytes()
    for size in range(24, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(ModelCorrupt, match=r"some\.gguf is cut short") as error:
            GgufFile(path)
        assert "sha256" in error.value.remedy


@pytest.mark.parametrize(
    ("version", "said"), [(1, "of version 1"), (99, "of version 99"), (3 << 24, "big-endian")], ids=str
)
def test_other_versions(path: Path, version: int, said: str) -> None:
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", version)
    path.write_bytes(content)
    with pytest.raises(ModelUnsupported, match=said):
        GgufFile(path)


def test_an_unknown_tensor_type_is_named(path: Path) -> None:
    content = path.read_bytes()
    # Name, dimensions (2, 64, 3), type F32 = 0, offset 0.
    info = struct.pack("<Q1sIQQIQ", 1, b"t", 2, 64, 3, 0, 0)
    assert content.count(info) == 1
    path.write_bytes(content.replace(info, struct.pack("<Q1sIQQIQ", 1, b"t", 2, 64, 3, 200, 0)))
    with pytest.raises(ModelUnsupported, match="tensor 't' as number 200") as error:
        GgufFile(path)
    assert "Q8_0" in error.value.remedy


def test_a_tensor_type_that_nothing_decodes_is_named(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "some.gguf", "llama")
    writer.add_tensor("t", np.ones((2, 4), np.int16))
    write(writer)
    with pytest.raises(ModelUnsupported, match="tensor 't' as I16"):
        GgufFile(tmp_path / "some.gguf").read("t")


def test_one_of_several_pieces(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "some-00001-of-00002.gguf", "llama")
    writer.add_uint16("split.count", 2)
    write(writer)
    with pytest.raises(ModelUnsupported, match="one of several pieces") as error:
        GgufFile(tmp_path / "some-00001-of-00002.gguf")
    assert "merge" in error.value.remedy
