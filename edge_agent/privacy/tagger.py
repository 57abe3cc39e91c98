"""A small convolutional tagger over hashed looks of words, in numpy: for each word, how likely it is what.

The sum of a word's looks is its vector (hash embeddings, as in fastText, Bojanowski et al. 2017, and spaCy's tok2vec);
two convolutions see four words to each side (Collobert et al. 2011). Weights are ours, fitted by `python -m
benchmarks.names`; nothing but numpy runs them.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edge_agent.privacy.words import BUCKETS, LOOKS, Words, looks
from orchestrator.errors import ModelCorrupt
from orchestrator.privacy.finding import Kind

Floats = NDArray[np.float32]

REACH: Final = 2
"""Words to each side that one convolution sees."""
_GLUED, _APART = BUCKETS, BUCKETS + 1
_ROWS: Final = BUCKETS + 2


class Tagger:
    """Weights, and what they make of words."""

    def __init__(self, weights: dict[str, NDArray[np.generic]], kinds: tuple[Kind, ...]) -> None:
        """
        Args:
            weights: `looks` (rows × width, 8 bits) with `scales` (one a row), `first` and `second` (window · width ×
                hidden) and `last` (hidden × 1 + kinds), each of those with its bias: `first_bias` and so on.
            kinds: what the columns of `last` stand for, after the first, which is none of them.
        """
        self.kinds = kinds
        self._looks: Floats = weights["looks"].astype(np.float32) * weights["scales"].astype(np.float32)[:, None]
        self._layers = [
            (weights[name].astype(np.float32), weights[f"{name}_bias"].astype(np.float32))
            for name in ("first", "second", "last")
        ]

    @classmethod
    def load(cls, path: Path) -> Tagger:
        """The tagger of a file.

        Raises:
            ModelCorrupt: there is no such file, or it is no tagger's.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                weights = {name: file[name] for name in file.files}
            return cls(weights, tuple(Kind(name) for name in weights["kinds"].tolist()))
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ModelCorrupt(f"{path.name} holds no tagger of names", remedy="install Edgewise again") from error

    def chances(self, words: Words) -> Floats:
        """For each word the chance of being nothing personal, then of each kind: words × (1 + kinds)."""
        first, second, last = self._layers
        hidden = _convolved(self._vectors(words), *first)
        hidden += _convolved(hidden, *second)
        scores = hidden @ last[0] + last[1]
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def _vectors(self, words: Words) -> Floats:
        """Each word's vector: words × width. A word that comes again is summed once."""
        places: dict[str, int] = {}
        which = [places.setdefault(text, len(places)) for text in words.texts]
        rows = np.fromiter(chain.from_iterable(map(looks, places)), np.intp).reshape(-1, LOOKS)
        summed: Floats = self._looks[rows].sum(axis=1)
        vectors: Floats = summed[which] + self._looks[glue(words)]
        return vectors


def glue(words: Words) -> NDArray[np.intp]:
    """For each word the row that tells whether a blank stands before it."""
    spans = np.fromiter(chain.from_iterable(words.spans), np.intp).reshape(-1, 2)
    rows = np.full(len(spans), _APART)
    rows[1:][spans[1:, 0] == spans[:-1, 1]] = _GLUED
    return rows


def _convolved(values: Floats, weights: Floats, bias: Floats) -> Floats:
    """The windows around each row, times `weights`, plus `bias`, and no negative: rows × hidden."""
    padded = np.pad(values, ((REACH, REACH), (0, 0)))
    windows = np.concatenate([padded[at : at + len(values)] for at in range(2 * REACH + 1)], axis=1)
    result: Floats = windows @ weights + bias
    return np.maximum(result, 0.0, out=result)
