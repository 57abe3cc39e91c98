"""What the tagger of names reads: a text's words with their places, and what a word looks like, as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zlib import crc32

BUCKETS: Final = 1 << 15
"""What a word looks like is hashed into so many rows of weights (the hashing trick, Weinberger et al. 2009)."""
LOOKS: Final = 10
"""Numbers for each word."""

_WORD: Final = re.compile(r"[぀-ヿ㐀-鿿]|[^\W\d_]+(?:['’][^\W\d_]{1,2}\b)?|\d+|\n|[^\w\s]|_")
_REMEMBERED: Final = 1 << 15
"""Words whose numbers are kept, so that what comes again costs nothing: a few megabytes."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text cut into words: runs of letters, runs of digits, single signs, ends of lines; no blanks.

    Chinese and Japanese signs stand alone, for nothing there separates words.
    """

    texts: list[str]
    spans: list[tuple[int, int]]
    """Of each the start, and the end after it, in code points."""


def split(text: str) -> Words:
    """The words of a text, in order."""
    return Words(_WORD.findall(text), [match.span() for match in _WORD.finditer(text)])


@lru_cache(maxsize=_REMEMBERED)
def looks(word: str) -> tuple[int, ...]:
    """What a word looks like, as `LOOKS` rows of weights: itself, its case, its beginnings and its endings.

    Beginnings and endings are of bytes, which is quicker than letters and tells as much. The second argument of
    `crc32` keeps a beginning apart from an ending that is the same.
    """
    small = word.lower().encode()
    shape = _shape(word).encode()
    mask = BUCKETS - 1
    return (
        crc32(small, 1) & mask,
        crc32(shape, 2) & mask,
        crc32(shape, 20 + min(len(word), 12)) & mask,
        crc32(small[:2], 3) & mask,
        crc32(small[:3], 4) & mask,
        crc32(small[:5], 5) & mask,
        crc32(small[-2:], 6) & mask,
        crc32(small[-3:], 7) & mask,
        crc32(small[-4:], 8) & mask,
        crc32(small[-5:], 9) & mask,
    )


def _shape(word: str) -> str:
    """Its case or sort, and its script where that is not Latin."""
    first = word[0]
    if not first.isalpha():
        return f"0{len(word)}{first == '0'}" if first.isdigit() else word
    script = "" if first < "\u0250" else f"{ord(first) >> 7:x}"
    if word.islower():
        return f"a{script}"
    if word.isupper():
        return f"A{script}" if len(word) == 1 else f"AA{script}"
    return f"Aa{script}" if word[1:].islower() else f"aA{script}"
