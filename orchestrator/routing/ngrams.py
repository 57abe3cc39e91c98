"""What a question is made of, as 32-bit hashes: a fitted file holds numbers and nobody's words.

Words and their pairs, or, where few questions must teach much, pieces of words: `walks` and `walked` share three of
theirs, so that one says something about the other.

Feature hashing is Weinberger et al. 2009, arXiv 0902.2206; with 32 bits and the few that are kept, two of them hardly
ever share one.
"""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TOKEN: Final = re.compile(r"\w+|[^\w\s]|\n")
"""A word, a sign, or the end of a line: how a question is set says as much as its words."""
_PIECE: Final = 3
"""Characters of a piece. Its word stands between two blanks, so that a beginning and an end are told apart."""


@dataclass(frozen=True, slots=True)
class Grams:
    """Parts of a text, counted.

    Attributes:
        hashes: the distinct ones, rising; `[n]`.
        counts: how often each occurs; `[n]`.
    """

    hashes: NDArray[np.uint32]
    counts: NDArray[np.intp]

    @classmethod
    def words(cls, text: str) -> Grams:
        """The single tokens of `text` and pairs of neighbours, whatever case they are in."""
        tokens = _TOKEN.findall(text.lower())
        return cls._counted(tokens + [f"{one} {other}" for one, other in itertools.pairwise(tokens)])

    @classmethod
    def pieces(cls, text: str) -> Grams:
        """Every three characters in a row of each token of `text`, whatever case they are in."""
        framed = (f" {token} " for token in _TOKEN.findall(text.lower()))
        return cls._counted([word[at : at + _PIECE] for word in framed for at in range(len(word) - _PIECE + 1)])

    @classmethod
    def _counted(cls, grams: list[str]) -> Grams:
        hashed = (zlib.crc32(gram.encode("utf-8", "replace")) for gram in grams)
        return cls(*np.unique(np.fromiter(hashed, np.uint32, len(grams)), return_counts=True))
