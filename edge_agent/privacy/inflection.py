"""The forms of a name in a sentence: whose ending may hide which name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_GERMANIC: Final = "s es en n ens"
_SLAVIC: Final = """
a u i y e o ou ovi em om ym im am iem emu ego owi ie ia ja ju ow ov ova ove ovo uv ek ka ko ku ke
m ho mu ej iej iego iemu ich ych
"""
_CYRILLIC: Final = "а у ом ем е ои еи ою ею ы и ым им ых их ами ам ах я ю ого его ому ему ов ев"
_ROMANIAN: Final = "lui ului ei"
_BALTIC: Final = "as us is ui ai ei ams"
_URALIC: Final = """
nak nek val vel ban ben bol hoz hez rol tol ra re ert t ot et at k ok ek lla lle lta ssa sta lt l st ga na ni si nsa
in an
"""
_TURKISH: Final = "nin nun un ya ye yi yu da dan den tan ten de la yla yle"
_ENDINGS: Final = frozenset(f"{_GERMANIC} {_SLAVIC} {_BALTIC} {_URALIC} {_TURKISH} {_CYRILLIC} {_ROMANIAN}".split())
"""Of the cases of languages that decline names, without accents."""
_ALTERED: Final = {"ce": "ka", "dze": "ga", "rze": "ra", "sze": "cha", "cie": "ta", "dzie": "da", "zie": "za"}
"""Slavic endings that change the letter before them: Agnieszce, of Agnieszka."""
_PAIRS: Final = ("ave avenue", "av avenue", "st street", "rd road", "ln lane", "blvd boulevard", "sq square")
_SHORT: Final = dict(way for pair in _PAIRS for way in (pair.split(), pair.split()[::-1]))
_TWO_LETTERS: Final = re.compile("([aou])e")
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
    return tuple(dict.fromkeys((word, *_otherwise(word), *_possessive(word), *(_declined(word) if capital else ()))))


def _otherwise(word: str) -> Iterator[str]:
    """Other ways to write it in any language: the parts of addresses that are cut short, and umlauts in two letters."""
    if word in _SHORT:
        yield _SHORT[word]
    if word.endswith("str"):
        yield f"{word}asse"
    elif word.endswith("strasse"):
        yield word[: -len("asse")]
    if len(word) > _SHORTEST and _TWO_LETTERS.search(word):
        yield _TWO_LETTERS.sub(r"\1", word)


def _possessive(word: str) -> Iterator[str]:
    if len(word) > _SHORTEST and word.endswith("s"):
        yield word[:-1]


def _declined(word: str) -> Iterator[str]:
    if len(word) > _SHORTEST + 2 and word[-2:] in ("al", "el") and word[-3] == word[-4]:
        yield word[:-3]  # Péterrel: with Péter
    yield from (word[: -len(end)] + other for end, other in _ALTERED.items() if len(word) > 4 and word.endswith(end))
    if word > "\u0370":
        yield from _greek(word)
    for length in range(1, min(_LONGEST, len(word) - _SHORTEST) + 1):
        stem, ending = word[:-length], word[-length:]
        if ending in _ENDINGS:
            yield stem
            if stem[-1] > "\u0400":
                yield from (f"{stem}{end}" for end in "аяи")  # Ольги, Марией, Андрея: of Ольга, Мария, Андрей
                continue
            yield f"{stem}a"  # Anny, Annę, Anně: of Anna
            if stem[-1] == "k":
                yield f"{stem}i"  # Wiśniewskim: of Wiśniewski
            if stem.endswith("se"):
                yield f"{stem[:-2]}nen"  # Virtaselta: of Virtanen
            if ending[0] in "aeiouy":
                yield f"{stem[:-1]}e{stem[-1]}"  # Pavla, Markiem: of Pavel, Marek


def _greek(word: str) -> Iterator[str]:
    """Νίκο, Νίκου: of Νίκος. Folding has made the last sigma an ordinary one."""
    if word.endswith(("ο", "α", "η")):
        yield f"{word}σ"
    elif word.endswith("ου"):
        yield f"{word[:-1]}σ"
    elif word.endswith("ε"):
        yield f"{word[:-1]}οσ"
