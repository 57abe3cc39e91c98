"""A smaller model with the same vocabulary, made by leaving layers out: something to draft with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edge_agent.slm.convert.checkpoint import Checkpoint
from edge_agent.slm.convert.config import DecoderConfig, FloatArray
from edge_agent.slm.convert.stored import SizedWeights
from orchestrator.errors import InvalidRequest


class PrunedCheckpoint:
    """A checkpoint with only some of its layers (Men et al. 2024, arXiv 2403.03853: many say little).

    Without training it writes badly by itself. As a draft model it is only the slower for it, never wrong.
    """

    config: DecoderConfig
    weights: SizedWeights

    def __init__(self, checkpoint: Checkpoint, layers: Sequence[int]) -> None:
        """Args:
            checkpoint: the whole one.
            layers: the numbers of those to keep, from 0, in rising order.

        Raises:
            InvalidRequest: no layers, one that the checkpoint lacks, or not in order.
        """
        kept, count = list(layers), checkpoint.config.layers
        if not kept or kept != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < count:
            remedy = f"give numbers from 0 to {count - 1}, each once and in rising order"
            raise InvalidRequest(f"the layers {kept} cannot be kept", remedy=remedy)
        self._whole = checkpoint
        self.config = replace(checkpoint.config, attention=tuple(checkpoint.config.attention[layer] for layer in kept))
        self.weights = _PrunedWeights(
            checkpoint.weights, {name: _original(name, kept) for name in self.config.weight_shapes()}
        )

    def write_companions(self, folder: Path) -> None:
        """As of the whole one: the vocabulary is the same."""
        self._whole.write_companions(folder)


class _PrunedWeights(SizedWeights):
    def __init__(self, weights: SizedWeights, originals: dict[str, str]) -> None:
        self._weights = weights
        self._originals = originals

    def __getitem__(self, name: str) -> FloatArray:
        return self._weights[self._originals[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._originals)

    def __len__(self) -> int:
        return len(self._originals)

    def stored_bytes(self, name: str) -> int:
        return self._weights.stored_bytes(self._originals[name])


def _original(name: str, kept: Sequence[int]) -> str:
    """What the whole model calls a weight: of `model.layers.1.x`, `model.layers.<kept[1]>.x`."""
    parts = name.split(".")
    if parts[:2] == ["model", "layers"]:
        parts[2] = str(kept[int(parts[2])])
    return ".".join(parts)
