"""Weights as a decoder wants them, out of tensors as a checkpoint stores them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, Weights
from edge_agent.slm.convert.families import FAMILIES
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from orchestrator.errors import ModelCorrupt, ModelUnsupported

Shape = tuple[int, ...]


class StoredTensors(Protocol):
    """Tensors by hub name, fused ones under the name of the whole; otherwise as in `config.Weights`.

    Attributes:
        shapes: the shape of each.
        leftover: tensors that have no hub name, as the file calls them.
    """

    shapes: Mapping[str, Shape]
    leftover: tuple[str, ...]

    def read(self, name: str, rows: slice) -> FloatArray:
        """Some rows of a tensor."""
        ...

    def own_name(self, name: str) -> str:
        """What the file calls a tensor."""
        ...

    def stored_bytes(self, name: str) -> int:
        """What a tensor takes in the file."""
        ...


class SizedWeights(Weights, ABC):
    """Weights that say what they take in the file they come from."""

    @abstractmethod
    def stored_bytes(self, name: str) -> int:
        """What a weight takes in the file."""


class StoredWeights(SizedWeights):
    """The weights of a decoder, each read when it is asked for."""

    def __init__(self, stored: StoredTensors, config: DecoderConfig, origin: str) -> None:
        """Args:
            stored: what the checkpoint has.
            config: the decoder's shape.
            origin: the file or folder, for error messages.

        Raises:
            ModelCorrupt: a tensor is missing, or has another shape.
            ModelUnsupported: there are more tensors than the decoder has.
        """
        self._stored = stored
        self._places = _places(config)
        _check(stored, self._wanted(config), origin)

    def __getitem__(self, name: str) -> FloatArray:
        whole, rows = self._places[name]
        return self._stored.read(whole, rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def stored_bytes(self, name: str) -> int:
        """What a weight takes in the file."""
        whole, rows = self._places[name]
        share: int = rows.stop - rows.start
        return self._stored.stored_bytes(whole) * share // self._stored.shapes[whole][0]

    def _wanted(self, config: DecoderConfig) -> dict[str, Shape]:
        """The shape of each stored tensor."""
        wanted: dict[str, Shape] = {}
        for name, shape in config.weight_shapes().items():
            whole, rows = self._places[name]
            wanted[whole] = (rows.stop, *shape[1:])
        return wanted


class CountedWeights(Weights):
    """Weights that tell how much of them has been asked for."""

    def __init__(self, weights: SizedWeights, advance: Callable[[int], None]) -> None:
        """Args:
        weights: the weights themselves.
        advance: told how many of their stored bytes have been asked for.
        """
        self._weights = weights
        self._advance = advance
        self._done = 0

    def __getitem__(self, name: str) -> FloatArray:
        weight = self._weights[name]
        self._done += self._weights.stored_bytes(name)
        self._advance(self._done)
        return weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def _places(config: DecoderConfig) -> dict[str, tuple[str, slice]]:
    """Of each weight, the stored tensor that has it, and in which rows."""
    wholes = {part: whole for whole, parts in FAMILIES[config.model_type].fused.items() for part in parts}
    places: dict[str, tuple[str, slice]] = {}
    filled: dict[str, int] = {}
    for name, shape in config.weight_shapes().items():
        part = next((part for part in wholes if f".{part}." in name), "")
        whole = name.replace(part, wholes[part]) if part else name
        start = filled.get(whole, 0)
        filled[whole] = start + shape[0]
        places[name] = whole, slice(start, filled[whole])
    return places


def _check(stored: StoredTensors, wanted: Mapping[str, Shape], origin: str) -> None:
    for name, shape in wanted.items():
        found = stored.shapes.get(name)
        if found != shape:
            own = stored.own_name(name)
            what = f"lacks the tensor {own!r}" if found is None else f"has the tensor {own!r} as {found}, not {shape}"
            raise ModelCorrupt(f"{origin} {what}", remedy=FETCH_AGAIN)
    strange = (stored.own_name(name) for name in stored.shapes if name not in wanted)
    for name in (*stored.leftover, *strange):
        remedy = "Choose another model, or an ONNX build of this one"
        raise ModelUnsupported(f"{origin} has the tensor {name!r}, which the converter does not know", remedy=remedy)
