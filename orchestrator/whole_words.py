"""Where a text may break off so that another model can go on: behind a whole word, never inside a character."""

from __future__ import annotations

import unicodedata
from typing import Final

_LONGEST: Final = 64
"""Code points. What goes on for longer without a space is no word (an address, a script that has none)."""
_JOINER: Final = "\u200d"
_TAGS: Final = range(0xE0020, 0xE0080)
_TONES: Final = range(0x1F3FB, 0x1F400)
_FLAGS: Final = range(0x1F1E6, 0x1F200)


def whole_words(text: str) -> int:
    """Up to which index a text consists of words that are finished, whatever comes.

    A word is finished once white space follows it, or the next character of a script without spaces. Of what is longer
    than any word the last character alone is unfinished, with what belongs to it.
    """
    at = len(text)
    while at and not text[at - 1].isspace():
        if at < len(text) and is_wide(text[at - 1]) and not _belongs(text, at):
            return at
        at -= 1
    if len(text) - at <= _LONGEST:
        return at
    last = len(text) - 1
    while last > at and _belongs(text, last):
        last -= 1
    return last


def is_wide(character: str) -> bool:
    """Whether it is of a script that is written without spaces, or a sign as wide as one."""
    return unicodedata.east_asian_width(character) in "WF" and not "가" <= character <= "힣"


def _belongs(text: str, at: int) -> bool:
    """Whether a character is one with the character before it, as readers see it (after Unicode's annex 29)."""
    character, before = text[at], text[at - 1]
    if unicodedata.category(character).startswith("M") or _JOINER in (character, before):
        return True
    return ord(character) in _TONES or ord(character) in _TAGS or (ord(character) in _FLAGS and ord(before) in _FLAGS)
