"""A question's words and pairs of words as 32-bit hashes: a fitted file holds numbers and nobody's words.

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


@dataclass(frozen=True, slots=True)
class Grams:
    """Single tokens and pairs of neighbours, counted.

    Attributes:
        hashes: the distinct ones, rising; `[n]`.
        counts: how often each occurs; `[n]`.
    """

    hashes: NDArray[np.uint32]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, text: str) -> Grams:
        """Those of `text`, whatever case it is in."""
        tokens = _TOKEN.findall(text.lower())
        grams = tokens + [f"{one} {other}" for one, other in itertools.pairwise(tokens)]
        hashed = (zlib.crc32(gram.encode("utf-8", "replace")) for gram in grams)
        return cls(*np.unique(np.fromiter(hashed, np.uint32, len(grams)), return_counts=True))
