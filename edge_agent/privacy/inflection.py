"""The forms of a name in a sentence: whose ending may hide which name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_GERMANIC: Final = "s es en n ens"
_SLAVIC: Final = """
a u i y e o ou ovi em om ym im am iem emu ego owi ie ia ja ju ow ov ova ove ovo uv ek ka ko ku ke
"""
_BALTIC: Final = "as us is ui ai ei ams"
_URALIC: Final = """
nak nek val vel ban ben bol hoz hez rol tol ra re ert t ot et at k ok ek lla lle lta ssa sta lt l st ga na ni si nsa
in an
"""
_TURKISH: Final = "nin nun un ya ye yi yu da dan den de la yla yle"
_ENDINGS: Final = frozenset(f"{_GERMANIC} {_SLAVIC} {_BALTIC} {_URALIC} {_TURKISH}".split())
"""Of the cases of languages that decline names, without accents."""
_LONGEST: Final = max(map(len, _ENDINGS))
_REMEMBERED: Final = 16_384
"""Words whose forms are remembered: most words of a text come again in the next, and each takes some microseconds."""
_SHORTEST: Final = 3
"""Letters of a name before its ending: of shorter ones too many words are made."""


@lru_cache(_REMEMBERED)
def names_in(word: str, capital: bool) -> tuple[str, ...]:
    """The names that a word may be a form of, itself first.

    Args:
        word: folded, as `clues.folded` does it.
        capital: whether it is written as a name; if not, only itself and the possessive come.
    """
    return tuple(dict.fromkeys((word, *_possessive(word), *(_declined(word) if capital else ()))))


def _possessive(word: str) -> Iterator[str]:
    if len(word) > _SHORTEST and word.endswith("s"):
        yield word[:-1]


def _declined(word: str) -> Iterator[str]:
    if len(word) > _SHORTEST + 2 and word[-2:] in ("al", "el") and word[-3] == word[-4]:
        yield word[:-3]  # Péterrel: with Péter
    for length in range(1, min(_LONGEST, len(word) - _SHORTEST) + 1):
        stem, ending = word[:-length], word[-length:]
        if ending in _ENDINGS:
            yield stem
            yield f"{stem}a"  # Anny, Annę, Anně: of Anna
            if ending[0] in "aeiouy":
                yield f"{stem[:-1]}e{stem[-1]}"  # Pavla, Markiem: of Pavel, Marek
