"""What a text is about, as far as it matters for its label: health, money, passwords, …

Words and phrases of seven languages are kept in `topics.toml`. A topic is told by what stands there and not by a model:
that costs microseconds, gives the same answer everywhere, and can say which words it saw.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_BETWEEN_WORDS: Final = {code: " " for code in range(128) if not chr(code).isalnum()}
"""What no word has, in the letters that most texts are written in."""
_TERM: Final = re.compile(r"[^\W_]+|#")
_NUMBER: Final = "[0-9]{3,8}"
_DIGITS: Final = re.compile("[0-9]+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{3}[ -]?[0-9]{2}")
"""Whatever has a shape has this in it, and most texts have not."""
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
"""Combining diacritical marks."""
_STEM_LETTERS: Final = 4
"""Words are looked up by so many letters, and then by the whole stem."""


class Topics:
    """Terms of a number of topics, each kind where it is quickly found."""

    def __init__(self, sections: Mapping[str, Mapping[str, str | list[str]]]) -> None:
        """Args:
        sections: of each topic its terms by language, and `shapes`; `topics.toml` says how they are written.
        """
        self.names = tuple(sections)
        self._words: dict[str, str] = {}
        self._stems: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """By their first letters: stem and topic."""
        self._phrases: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """By their first word: pattern and topic."""
        self._shapes: list[tuple[re.Pattern[str], str]] = []
        for topic, section in sections.items():
            for terms in section.values():
                self._take(topic, terms)

    def seen(self, text: str) -> Mapping[str, str]:
        """The topics of a text, with the first term seen of each, folded. Numbers in it are not quoted."""
        found: dict[str, str] = {}
        for topic, term in self._seen(text):
            found.setdefault(topic, _DIGITS.sub("…", term))
        return found

    def _seen(self, text: str) -> Iterator[tuple[str, str]]:
        # Sorted, so that the same text always gives the same terms.
        words = _words(folded(text))
        distinct = set(words)
        for word in sorted(self._words.keys() & distinct):
            yield self._words[word], word
        if firsts := self._phrases.keys() & distinct:
            line = f" {' '.join(words)} "
            phrases = [phrase for first in sorted(firsts) for phrase in self._phrases[first]]
            yield from ((topic, found) for pattern, topic in phrases if (found := _phrase(pattern, line)))
        if begun := self._stems.keys() & {word[:_STEM_LETTERS] for word in distinct}:
            for word in sorted(word for word in distinct if word[:_STEM_LETTERS] in begun):
                stems = self._stems[word[:_STEM_LETTERS]]
                yield from ((topic, word) for stem, topic in stems if word.startswith(stem))
        if _LONG_NUMBER.search(text):
            yield from ((topic, "a number of its kind") for shape, topic in self._shapes if shape.search(text))

    def _take(self, topic: str, terms: str | list[str]) -> None:
        if isinstance(terms, list):
            self._shapes += [(re.compile(shape), topic) for shape in terms]
            return
        for term in terms.split(","):
            first, *others = _TERM.findall(folded(term))
            if others:
                pattern = " ".join((first, *others)).replace("#", _NUMBER)
                self._phrases[first].append((f" {pattern} ", topic))
            elif term.strip().endswith("*"):
                assert len(first) >= _STEM_LETTERS, f"{term} is too short for a stem"
                self._stems[first[:_STEM_LETTERS]].append((first, topic))
            else:
                self._words[first] = topic


def _phrase(pattern: str, line: str) -> str:
    """What of a line the pattern of a phrase fits; empty for nothing."""
    if _NUMBER not in pattern:
        return pattern.strip() if pattern in line else ""
    found = re.search(pattern, line)
    return found[0].strip() if found else ""


def _words(text: str) -> list[str]:
    return text.translate(_BETWEEN_WORDS).split() if text.isascii() else _WORD.findall(text)


@cache
def topics() -> Topics:
    """Those that Edgewise knows."""
    return Topics(tomllib.loads(resources.files(__package__).joinpath("topics.toml").read_text(encoding="utf-8")))


def folded(text: str) -> str:
    """In small letters and without accents: "Ärztin" is "arztin"."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
