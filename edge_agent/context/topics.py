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
from functools import cache, lru_cache
from importlib import resources
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_BETWEEN_WORDS: Final = {code: " " for code in range(128) if not chr(code).isalnum()}
"""What no word has, in the letters that most texts are written in."""
_TERM: Final = re.compile(r"[^\W_]+|#")
_NUMBER: Final = "[0-9]{3,8}"
_DIGITS: Final = re.compile("[0-9]+")
_LONG_NUMBER: Final = re.compile("[0-9]{3}")
"""Whatever has a shape has a word with this in it, and most texts have none."""
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
"""Combining diacritical marks."""
_STEM_LETTERS: Final = 4
"""Words are looked up by so many letters, and then by the whole stem."""
_KNOWN_WORDS: Final = 2**14
"""Words that are remembered to tell something or nothing: a few megabytes, and most words of most texts."""


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
        self._is_telling = lru_cache(_KNOWN_WORDS)(self._may_tell)
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
        words = _words(folded(text))
        # Sorted, so that the same text always gives the same terms.
        telling = sorted(filter(self._is_telling, set(words)))
        if not telling:
            return
        yield from ((self._words[word], word) for word in telling if word in self._words)
        if phrases := [phrase for word in telling for phrase in self._phrases.get(word, ())]:
            line = f" {' '.join(words)} "
            yield from ((topic, found) for pattern, topic in phrases if (found := _phrase(pattern, line)))
        for word in telling:
            stems = self._stems.get(word[:_STEM_LETTERS], ())
            yield from ((topic, word) for stem, topic in stems if word.startswith(stem))
        if any(map(_LONG_NUMBER.search, telling)):
            yield from ((topic, "a number of its kind") for shape, topic in self._shapes if shape.search(text))

    def _may_tell(self, word: str) -> bool:
        """Whether a topic could be told by a text with this word, but not by one without such words."""
        stems = self._stems.get(word[:_STEM_LETTERS], ())
        return (
            word in self._words
            or word in self._phrases
            or any(word.startswith(stem) for stem, _ in stems)
            or _LONG_NUMBER.search(word) is not None
        )

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
