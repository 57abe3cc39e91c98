"""Where the weights of a graph go: into the graph itself, or into a file beside it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

# External tensors start on a page, so that ONNX Runtime can map them instead of reading them.
_PAGE = 4096


class TensorStore(Protocol):
    """Takes weights one at a time and gives back what the graph says about them."""

    def add(self, name: str, array: Array) -> TensorProto:
        """Keep `array` as `name`."""
        ...


class InlineTensors:
    """Keeps weights inside the graph: for small models and tests."""

    def add(self, name: str, array: Array) -> TensorProto:
        """Keep a copy of `array`."""
        return numpy_helper.from_array(np.ascontiguousarray(array), name)


class ExternalTensors:
    """Writes weights to a file beside the graph as they come, so that no two need to be in memory at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, name: str, array: Array) -> TensorProto:
        """Append `array` to the file, from the next page on."""
        self._file.write(b"\0" * (-self._file.tell() % _PAGE))
        tensor = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": self._path.name, "offset": self._file.tell(), "length": array.nbytes}
        tensor.external_data.extend(
            onnx.StringStringEntryProto(key=key, value=str(value)) for key, value in place.items()
        )
        self._file.write(np.ascontiguousarray(array).data)
        return tensor


def alias(stored: TensorProto, name: str, shape: tuple[int, ...]) -> TensorProto:
    """`stored` once more, as `name` and in another shape of as many elements. External bytes are shared."""
    tensor = TensorProto()
    tensor.CopyFrom(stored)
    tensor.name = name
    tensor.dims[:] = shape
    return tensor
