"""The forms of a name in a sentence: whose ending may hide which name."""

from __future__ import annotations

from collections.abc import Iterator
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
_ENDINGS: Final = tuple(
    sorted({*f"{_GERMANIC} {_SLAVIC} {_BALTIC} {_URALIC} {_TURKISH}".split()}, key=len, reverse=True)
)
"""Of the cases of languages that decline names, without accents."""
_SHORTEST: Final = 3
"""Letters of a name before its ending: of shorter ones too many words are made."""


def names_in(word: str, capital: bool) -> Iterator[str]:
    """The names that a word may be a form of, itself first.

    Args:
        word: folded, as `clues.folded` does it.
        capital: whether it is written as a name; if not, only itself and the possessive come.
    """
    yield word
    if len(word) > _SHORTEST and word.endswith("s"):
        yield word[:-1]
    if not capital:
        return
    if len(word) > _SHORTEST + 2 and word[-2:] in ("al", "el") and word[-3] == word[-4]:
        yield word[:-3]  # Péterrel: with Péter
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST:
            continue
        yield stem
        yield stem + "a"  # Anny, Annę, Anně: of Anna
        if ending[0] in "aeiouy":
            yield f"{stem[:-1]}e{stem[-1]}"  # Pavla, Markiem: of Pavel, Marek
