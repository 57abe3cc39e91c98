"""Reads a GGUF file: its metadata, and its tensors as float32.

The header is read here rather than by `gguf.GGUFReader`, which makes two memory maps for every token of the
vocabulary (3 s and 160 MB for 49,000 tokens, and this takes .1 s) and follows lengths beyond the end of a damaged
file. The formats of the tensors are `gguf.quants`' business.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGUF_DEFAULT_ALIGNMENT, GGMLQuantizationType, GGUFValueType
from gguf.quants import dequantize

from edge_agent.slm.convert.config import FloatArray
from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
#: The remedy for a damaged file.
FETCH_AGAIN = "Fetch the file again, and compare its size and sha256 with what its publisher states"
# `struct` codes of the scalar types.
_SCALARS: dict[int, str] = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
    GGUFValueType.BOOL: "?",
}
# Weights at a time: bounds the temporaries of dequantising to some tens of megabytes.
_CHUNK = 4_000_000
_MAX_DIMENSIONS = 4

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: GGMLQuantizationType
    shape: tuple[int, ...]  # outermost first: [out, in]
    offset: int  # from the start of the data
    size: int  # bytes


class GgufFile:
    """An open GGUF file. The tensors are mapped, not read, until they are asked for.

    Attributes:
        path: where it is.
        metadata: numbers, texts, and lists of them, by key.
    """

    def __init__(self, path: Path) -> None:
        """Read the header and check that every tensor lies within the file.

        Raises:
            ModelNotFound: there is no such file.
            ModelCorrupt: it is no GGUF file, or it is damaged or cut short.
            ModelUnsupported: another version or byte order, one of several pieces, or an unknown tensor type.
        """
        self.path = path
        if not path.is_file():
            raise ModelNotFound(f"there is no file {path}", remedy="Check the path")
        if path.stat().st_size < 24:
            raise ModelCorrupt(f"{path} is too short for a GGUF file", remedy=FETCH_AGAIN)
        self._bytes: npt.NDArray[np.uint8] = np.memmap(path, np.uint8, mode="r")
        header = _Header(path, self._bytes.data)
        header.check_version()
        tensors, fields = header.number("Q"), header.number("Q")
        self.metadata: Mapping[str, Any] = MappingProxyType(header.fields(fields))
        if self.optional("split.count", 1) > 1:
            remedy = "Join the pieces first: llama-gguf-split --merge FIRST-PIECE OUTPUT"
            raise ModelUnsupported(f"{path} is one of several pieces of a model", remedy=remedy)
        self._tensors = header.tensors(tensors)
        alignment = self.optional("general.alignment", GGUF_DEFAULT_ALIGNMENT)
        if alignment < 1:
            raise ModelCorrupt(f"{path} aligns its tensors to {alignment!r} bytes", remedy=FETCH_AGAIN)
        self._data_start = header.position + -header.position % alignment
        self._check_ends()

    @property
    def tensors(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each tensor by name, matrices as `[out, in]`."""
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    def require(self, key: str, kind: type[_T]) -> _T:
        """The metadata value of `key`.

        Raises:
            ModelCorrupt: it is missing, or something else than a `kind`.
        """
        value = self.metadata.get(key)
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            said = "has no metadata" if value is None else "has the wrong kind of metadata"
            remedy = "Use a file made by a current llama.cpp conversion"
            raise ModelCorrupt(f"{self.path} {said} {key!r}", remedy=remedy)
        return value

    def require_list(self, key: str, kind: type[_T]) -> list[_T]:
        """The metadata list of `key`, whose items are of one `kind`. Raises as `require` does."""
        items: list[_T] = self.require(key, list)
        if items and not isinstance(items[0], kind):
            raise ModelCorrupt(f"{self.path} has the wrong kind of metadata {key!r}", remedy=FETCH_AGAIN)
        return items

    def optional(self, key: str, default: _T) -> _T:
        """The metadata value of `key`, or `default` where there is none. Raises as `require` does."""
        return default if key not in self.metadata else self.require(key, type(default))

    def stored_bytes(self, name: str) -> int:
        """The size of a tensor in the file. Raises KeyError for one that it does not have."""
        return self._tensors[name].size

    def read(self, name: str) -> FloatArray:
        """The tensor `name` as float32, matrices as `[out, in]`.

        Raises:
            KeyError: the file has no such tensor.
            ModelUnsupported: nothing here decodes its type.
        """
        tensor = self._tensors[name]
        start = self._data_start + tensor.offset
        rows = math.prod(tensor.shape[:-1])
        raw = self._bytes[start : start + tensor.size].reshape(rows, -1)
        values = np.empty((rows, tensor.shape[-1]), np.float32)
        step = max(1, _CHUNK // tensor.shape[-1])
        for first in range(0, rows, step):
            chunk = slice(first, first + step)
            try:
                values[chunk] = dequantize(np.ascontiguousarray(raw[chunk]), tensor.kind)
            except NotImplementedError as error:
                raise _unknown_type(self.path, name, tensor.kind.name) from error
        return values.reshape(tensor.shape)

    def _check_ends(self) -> None:
        end = max((self._data_start + tensor.offset + tensor.size for tensor in self._tensors.values()), default=0)
        short = end - self._bytes.size
        if short > 0:
            raise ModelCorrupt(f"{self.path} is cut short: {short:,} bytes are missing", remedy=FETCH_AGAIN)


class _Header:
    """A cursor over the header. Every step is checked against the end of the file."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self._path = path
        self._data = data
        self.position = 0

    def check_version(self) -> None:
        if self._take(4) != _MAGIC:
            remedy = "Only GGUF files can be converted; a hub folder with model.onnx needs no conversion"
            raise ModelCorrupt(f"{self._path} is not a GGUF file", remedy=remedy)
        version = self.number("I")
        if version & 0xFFFF == 0:
            remedy = "Convert it again as little-endian"
            raise ModelUnsupported(f"{self._path} is a big-endian GGUF file", remedy=remedy)
        if version not in _VERSIONS:
            remedy = "Use a file of version 2 or 3"
            raise ModelUnsupported(f"{self._path} is a GGUF file of version {version}", remedy=remedy)

    def fields(self, count: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for _ in range(count):
            key = self._text()
            fields[key] = self._value(self.number("I"))
        return fields

    def tensors(self, count: int) -> dict[str, _Tensor]:
        tensors: dict[str, _Tensor] = {}
        for _ in range(count):
            name = self._text()
            dimensions = self.number("I")
            if not 1 <= dimensions <= _MAX_DIMENSIONS:
                raise self._damaged(f"the tensor {name!r} has {dimensions} dimensions")
            shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
            code, offset = self.number("I"), self.number("Q")
            if name in tensors:
                raise self._damaged(f"the tensor {name!r} comes twice")
            try:
                kind = GGMLQuantizationType(code)
            except ValueError:
                raise _unknown_type(self._path, name, f"number {code}") from None
            weights, size = GGML_QUANT_SIZES[kind]
            if 0 in shape or shape[-1] % weights:
                raise self._damaged(f"the tensor {name!r} has the shape {shape}")
            tensors[name] = _Tensor(kind, shape, offset, math.prod(shape) // weights * size)
        return tensors

    def number(self, code: str) -> int:
        """One little-endian number of a `struct` code."""
        size = struct.calcsize(f"<{code}")
        value: int = struct.unpack(f"<{code}", self._take(size))[0]
        return value

    def _take(self, size: int) -> memoryview:
        end = self.position + size
        if end > len(self._data):
            raise ModelCorrupt(f"{self._path} is cut short within its header", remedy=FETCH_AGAIN)
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _text(self) -> str:
        try:
            return str(self._take(self.number("Q")), "utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged("a text in its header is not UTF-8") from error

    def _value(self, code: int) -> Any:
        if code == GGUFValueType.ARRAY:
            return self._array(self.number("I"), self.number("Q"))
        if code == GGUFValueType.STRING:
            return self._text()
        return self.number(self._scalar(code))

    def _array(self, code: int, count: int) -> list[Any]:
        if code == GGUFValueType.STRING:
            return [self._text() for _ in range(count)]
        kind = self._scalar(code)
        taken = self._take(count * struct.calcsize(f"<{kind}"))
        return list(struct.unpack(f"<{count}{kind}", taken))

    def _scalar(self, code: int) -> str:
        if code not in _SCALARS:
            raise self._damaged(f"a value in its header has the unknown type {code}")
        return _SCALARS[code]

    def _damaged(self, what: str) -> ModelCorrupt:
        return ModelCorrupt(f"{self._path} is damaged: {what}", remedy=FETCH_AGAIN)


def _unknown_type(path: Path, name: str, kind: str) -> ModelUnsupported:
    remedy = "Use a file in a common type, such as Q4_K_M, Q8_0 or F16"
    return ModelUnsupported(f"{path} stores the tensor {name!r} as {kind}, which nothing here decodes", remedy=remedy)
