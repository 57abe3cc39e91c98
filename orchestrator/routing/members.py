"""The parts of a trained router: each sees a question in its own way and gives log-odds of what would happen.

All are small arrays. Fitting them is `edge_agent.routing.fitting`'s work; here they are only asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator.routing.ngrams import Grams

Floats = NDArray[np.float32]

HEADS: Final = ("only_cloud", "only_device", "both")
"""What could happen: who gets the question right. The fourth case, neither, is what is left of 1."""
_HALVED: Final = frozenset({"rarity", "weights", "values"})
"""Arrays that are rounded to 16 bits, in which a file keeps them: half the size, and the same answers from it."""


@dataclass(frozen=True, slots=True)
class _Member:
    """Arrays that are kept under their fields' names."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Each of them; those that fitting halved, in 16 bits."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array.astype(np.float16) if name in _HALVED else array for name, array in found.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From what `arrays` gave.

        Raises:
            KeyError: one is missing.
            ValueError: one holds something that is no number.
        """
        found = {field.name: arrays[field.name] for field in fields(cls)}
        for name, array in found.items():
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise ValueError(name)
        whole = {name: array if array.dtype.kind != "f" else array.astype(np.float32) for name, array in found.items()}
        return cls(**whole)


def halved(array: NDArray[Any]) -> Floats:
    """Rounded to what 16 bits hold."""
    return array.astype(np.float16).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Words(_Member):
    """A logistic model of the words, or of their pieces: sublinear TF-IDF, scaled to length 1."""

    hashes: NDArray[np.uint32]
    """Those that were met often enough, rising; `[v]`."""
    rarity: Floats
    """Inverse document frequency, `[v]`."""
    weights: Floats
    """`[v, heads]`."""
    offsets: Floats
    """`[heads]`."""

    def log_odds(self, grams: Grams) -> Floats:
        """`[heads]`."""
        places, values = tf_idf(grams, self.hashes, self.rarity)
        result: Floats = values @ self.weights[places] + self.offsets
        return result


def tf_idf(grams: Grams, hashes: NDArray[np.uint32], rarity: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The places in `hashes` that a question fills, and its values there, which have length 1 together; both `[n]`."""
    places = np.searchsorted(hashes, grams.hashes)
    known = np.zeros(len(places), bool)
    within = places < len(hashes)
    known[within] = hashes[places[within]] == grams.hashes[within]
    values = ((1 + np.log(grams.counts[known])) * rarity[places[known]]).astype(np.float32)
    length = np.linalg.norm(values)
    return places[known], values / length if length else values


@dataclass(frozen=True, slots=True)
class Trees(_Member):
    """Boosted trees over the traits. All are complete: where a branch ends early, both sides hold the same value."""

    traits: NDArray[np.int64]
    """Which trait each inner node looks at, by levels; `[heads, trees, 2**depth - 1]`."""
    thresholds: Floats
    """A trait above it goes to the right; of the same shape."""
    values: Floats
    """Of the leaves from left to right, `[heads, trees, 2**depth]`."""
    offsets: Floats
    """`[heads]`."""

    def log_odds(self, traits: Floats) -> Floats:
        """`[heads]`, for the traits of one question, `[traits]`."""
        right = traits[self.traits] > self.thresholds
        node = np.zeros(self.traits.shape[:2], np.intp)
        n_inner = self.traits.shape[2]
        while node.flat[0] < n_inner:
            node = 2 * node + 1 + np.take_along_axis(right, node[..., None], axis=2)[..., 0]
        leaves = np.take_along_axis(self.values, (node - n_inner)[..., None], axis=2)[..., 0]
        result: Floats = leaves.sum(axis=1) + self.offsets
        return result


@dataclass(frozen=True, slots=True)
class Meaning(_Member):
    """A logistic model of the question's embedding."""

    weights: Floats
    """`[dimensions, heads]`."""
    offsets: Floats
    """`[heads]`."""

    def fits(self, vector: Floats) -> bool:
        """Whether it has the right length and holds numbers, as the embedding that the weights are for."""
        return vector.shape == self.weights.shape[:1] and bool(np.isfinite(vector).all())

    def log_odds(self, vector: Floats) -> Floats:
        """`[heads]`, for a vector of length 1, `[dimensions]`."""
        result: Floats = vector @ self.weights + self.offsets
        return result


@dataclass(frozen=True, slots=True)
class Linear(_Member):
    """A logistic model of the traits, each in standard deviations from its mean: what few questions can teach."""

    means: Floats
    """`[traits]`."""
    deviations: Floats
    """`[traits]`, above 0."""
    weights: Floats
    """`[traits, heads]`."""
    offsets: Floats
    """`[heads]`."""

    def log_odds(self, traits: Floats) -> Floats:
        """`[heads]`, for the traits of one question, `[traits]`."""
        result: Floats = standardised(traits, self.means, self.deviations) @ self.weights + self.offsets
        return result


def standardised(traits: Floats, means: Floats, deviations: Floats) -> Floats:
    """Traits `[..., traits]` in deviations; one that is far outside of what was met counts as five."""
    result: Floats = np.clip((traits - means) / deviations, -5, 5)
    return result
