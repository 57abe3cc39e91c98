"""The tensors of a hub folder's safetensors files, one file or several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# numpy learns bfloat16 from it, which safetensors then uses.
import ml_dtypes  # noqa: F401
import numpy as np
from safetensors import SafetensorError, safe_open

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from edge_agent.slm.convert.stored import Shape
from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


class SafetensorsFiles:
    """Tensors by name. The files are mapped; a tensor is read when it is asked for.

    Attributes:
        shapes: the shape of each.
    """

    def __init__(self, folder: Path) -> None:
        """Read the headers.

        Raises:
            ModelNotFound: the folder has no safetensors files, or lacks one that its index names.
            ModelCorrupt: a file is damaged or cut short, or the index names tensors that no file has.
        """
        self._files = [_opened(folder / name) for name in _names(folder)]
        self._places: dict[str, Any] = {}
        for file in self._files:
            self._places.update((name, file.get_slice(name)) for name in file.keys())  # noqa: SIM118
        self.shapes: Mapping[str, Shape] = {name: tuple(place.get_shape()) for name, place in self._places.items()}
        self._folder = folder

    def read(self, name: str, rows: slice) -> FloatArray:
        """Some rows of a tensor.

        Raises:
            ModelUnsupported: it is stored as something else than F32, F16 or BF16.
        """
        place = self._places[name]
        self.stored_bytes(name)
        start, stop, _ = rows.indices(self.shapes[name][0])
        return np.asarray(place[start:stop]).astype(np.float32)

    def stored_bytes(self, name: str) -> int:
        """What a tensor takes in its file. Raises as `read` does."""
        kind = self._places[name].get_dtype()
        if kind not in _BYTES:
            remedy = "Use the original weights, in F32, F16 or BF16"
            raise ModelUnsupported(f"{self._folder} stores the tensor {name!r} as {kind}", remedy=remedy)
        return _BYTES[kind] * int(np.prod(self.shapes[name]))


def _names(folder: Path) -> list[str]:
    """The files of a folder, as its index has them where there is one."""
    index = folder / INDEX
    if not index.is_file():
        return [SINGLE]
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelCorrupt(f"{index} is not the index of a model's files", remedy=FETCH_AGAIN) from error
    strange = [name for name in names if not isinstance(name, str) or Path(name).name != name]
    if strange:
        raise ModelCorrupt(f"{index} names the file {strange[0]!r}", remedy=FETCH_AGAIN)
    return sorted(names)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="np")
    except FileNotFoundError:
        remedy = "A hub folder needs model.safetensors, or all files that model.safetensors.index.json names"
        raise ModelNotFound(f"{path} is missing", remedy=remedy) from None
    except (SafetensorError, OSError) as error:
        raise ModelCorrupt(f"{path} is damaged or cut short: {error}", remedy=FETCH_AGAIN) from error
