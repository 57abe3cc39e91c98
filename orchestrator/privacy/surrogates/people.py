"""Surrogates for names of people: word for word, of the same script, and of the same gender where the name tells it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from orchestrator.privacy.mentions import folded
from orchestrator.privacy.people import name_words

_WORD: Final = re.compile(r"[^\W_]+")
_INITIALS: Final = "ABCDEFGHJKLMNOPRSTVW"
_FEMALE_TITLES: Final = frozenset({"mrs", "ms", "miss", "frau", "mme", "mlle", "madame", "signora", "senora"})
_MALE_TITLES: Final = frozenset({"mr", "sir", "herr", "monsieur", "signor", "senor"})
_SHORTEST_PART: Final = 3


class Names:
    """The surrogates for the names of one request. A word of a name has the same surrogate in all of them."""

    def __init__(self, lists: Mapping[str, Mapping[str, Sequence[str]]], random: Random) -> None:
        """Begin with none.

        Args:
            lists: by script (the first word of its letters' Unicode names): `female`, `male`, `neutral`, `family`.
            random: draws.
        """
        self._lists = lists
        self._random = random
        self._words: dict[str, str] = {}
        self._given = {
            folded(name): gender
            for script in lists.values()
            for gender in ("neutral", "male", "female")
            for name in script[gender]
        }

    def name(self, original: str, taken: Callable[[str], bool]) -> str | None:
        """A surrogate for a name, letter case and all between its words kept; None where there is none."""
        pieces, at = [], 0
        names = name_words(original)
        words = [match for match in _WORD.finditer(original) if folded(match[0]) in names]
        gender = self._gender(original)
        for index, word in enumerate(words):
            surrogate = self._word(word[0], index, len(words), gender, taken)
            if surrogate is None:
                return None
            pieces += [original[at : word.start()], surrogate]
            at = word.end()
        return "".join(pieces) + original[at:] if words else None

    def parts(self, original: str) -> list[tuple[str, str]]:
        """Surrogates of the single words of a name, each with its original."""
        words = (word for word in _WORD.findall(original) if len(word) >= _SHORTEST_PART)
        known = ((word, self._words.get(folded(word))) for word in words)
        return [(cased(surrogate, word), word) for word, surrogate in known if surrogate is not None]

    def _word(self, word: str, index: int, count: int, gender: str, taken: Callable[[str], bool]) -> str | None:
        key = folded(word)
        surrogate = self._words.get(key)
        if surrogate is None:
            if len(word) == 1 and "LATIN" in unicodedata.name(word, ""):
                surrogate = self._random.choice(_INITIALS.replace(word.upper(), ""))
            else:
                surrogate = self._drawn(self._pool(word, index, count, gender), taken)
            if surrogate is None:
                return None
            self._words[key] = surrogate
        return cased(surrogate, word)

    def _pool(self, word: str, index: int, count: int, gender: str) -> Sequence[str]:
        """What a word of a name is drawn from."""
        script = self._lists.get(unicodedata.name(word[0], "").split(" ")[0])
        if script is None:
            return ()
        is_family = folded(word) in map(folded, script["family"]) if count == 1 else index == count - 1
        if is_family and script["family"]:
            return script.get("family_female", script["family"]) if gender == "female" else script["family"]
        return script[gender] or script["neutral"]

    def _drawn(self, pool: Sequence[str], taken: Callable[[str], bool]) -> str | None:
        """One that stands in no text and for nobody else."""
        used = set(self._words.values())
        free = [name for name in pool if name not in used and folded(name) not in self._words and not taken(name)]
        return self._random.choice(free) if free else None

    def _gender(self, original: str) -> str:
        """What a name tells: by its title, by a known given name, or by an ending of its first word."""
        words = _WORD.findall(folded(original))
        if _FEMALE_TITLES.intersection(words):
            return "female"
        if _MALE_TITLES.intersection(words):
            return "male"
        told = next((self._given[word] for word in words if word in self._given), "neutral")
        return "female" if told == "neutral" and words and words[0].endswith(("a", "а", "я")) else told


def cased(word: str, like: str) -> str:
    """A word in the case of another one."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.lower() if like.islower() else word
