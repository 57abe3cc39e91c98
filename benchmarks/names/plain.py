"""Sentences of public questions in which nobody is named; and the same with names in the place of "the man".

They teach which words are ordinary, and what stands around a name where no template of ours put it.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from benchmarks.names import lists
from benchmarks.names.values import Values
from edge_agent.privacy.evaluation import Labelled, Span

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_SENTENCE_END: Final = re.compile(r"(?<=[.?!])\s+|\n")
_INSIDE: Final = re.compile(r"(?<=[a-z,] )[A-Za-z]+")
"""A word that no sentence begins with."""
_CHOICE: Final = re.compile(r"^[A-D]\. ")
_DATED: Final = re.compile(r"\b1[5-9]\d\d|\b20[0-3]\d|year-old|years? old")
_FEWEST_WORDS: Final = 3
_NUMBERS: Final = (
    "{0}",
    "{0}",
    "-{0}",
    "{0}.{1}",
    "{0}/{1}",
    "{0}, {1}",
    "{0} and {1}",
    "{0} kg",
    "{0} mm Hg",
    "x = {0}",
)
_IN_NUMBERS, _LARGE, _ASKED = 0.3, 0.7, 0.7
"""So many questions have numbers for answers, so many of their answers begin large, and so many end in a word."""
_DETERMINED: Final = r"\b(?:the|a|an|his|her|my|our|this) (?:{})\b"
_SOMEBODY: Final = (
    "man|woman|patient|defendant|plaintiff|teacher|student|child|girl|boy|doctor|nurse|author|president|friend|person|"
    "physician|researcher|scientist|philosopher|client|employee|manager|buyer|seller|wife|husband|mother|father|"
    "brother|sister|boss|mom|dad"
)
_FIRM: Final = (
    "company|firm|bank|corporation|organization|business|agency|retailer|manufacturer|hospital|store|restaurant|"
    "employer|airline"
)
_PLACE: Final = "city|country|state|nation|town|island|region|village|place"
_STAND_FOR: Final = tuple(
    (re.compile(_DETERMINED.format(nouns), re.IGNORECASE), kind, slots)
    for nouns, kind, slots in (
        (_SOMEBODY, "PERSON", ("name", "first", "last")),
        (_FIRM, "ORGANIZATION", ("org",)),
        (_PLACE, "GPE", ("city", "country")),
    )
)


def nameless(texts: Sequence[str]) -> list[str]:
    """The sentences of `texts` in which every word is an ordinary one, in order.

    An ordinary word is written small inside sentences at least twice, more often than large. A sentence with a large
    letter inside, with a year or with an age is left out.
    """
    ordinary = _ordinary(texts)
    sentences = (sentence.strip() for text in texts for sentence in _SENTENCE_END.split(text))
    return [sentence for sentence in sentences if _is_nameless(sentence, ordinary)]


def woven(sentences: Iterable[str], rng: random.Random, values: Values) -> Iterator[Labelled]:
    """Those sentences that speak of "the man", "a company" or "this town", with names in their places."""
    for sentence in sentences:
        hits = sorted(
            (match.start(), match.end(), kind, rng.choice(slots))
            for pattern, kind, slots in _STAND_FOR
            for match in pattern.finditer(sentence)
        )
        if not hits:
            continue
        text, spans, done = "", [], 0
        for start, end, kind, slot in hits:
            text += sentence[done:start]
            value = values.of(slot)
            spans.append(Span(kind, len(text), len(text) + len(value)))
            text += value
            done = end
        yield Labelled(text + sentence[done:], tuple(spans))


def posed(count: int, sentences: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    """`count` questions with four answers to choose from, in lines that begin with a letter: nobody is named."""
    for _ in range(count):
        if rng.random() < _IN_NUMBERS:
            answers = [rng.choice(_NUMBERS).format(rng.randint(0, 400), rng.randint(1, 99)) for _ in "ABCD"]
        else:
            answers = [_phrase(rng.choice(sentences), rng) for _ in "ABCD"]
        lines = [
            rng.choice(sentences),
            *(f"{letter}. {answer}" for letter, answer in zip("ABCD", answers, strict=True)),
        ]
        yield Labelled("\n".join([*lines, "Answer:"] if rng.random() < _ASKED else lines), ())


def _phrase(sentence: str, rng: random.Random) -> str:
    words = _CHOICE.sub("", sentence).split()
    start = rng.randrange(len(words))
    phrase = " ".join(words[start : start + rng.randint(1, 8)])
    return phrase[:1].upper() + phrase[1:] if rng.random() < _LARGE else phrase


def _ordinary(texts: Sequence[str]) -> frozenset[str]:
    small: Counter[str] = Counter()
    large: Counter[str] = Counter()
    for text in texts:
        for word in _INSIDE.findall(text):
            (small if word.islower() else large)[word.lower()] += 1
    told = (*lists.NATIONALITIES, *lists.COUNTRIES, *lists.MONTHS, *lists.DAYS)
    named = {word.lower() for word in told} - {"may", "march"}
    return frozenset(word for word, count in small.items() if count > max(1, large[word])) - named


def _is_nameless(sentence: str, ordinary: frozenset[str]) -> bool:
    words = _LETTERS.findall(_CHOICE.sub("", sentence))
    if len(words) < _FEWEST_WORDS or _DATED.search(sentence):
        return False
    if any(word[0].isupper() and word not in ("I", "A") for word in words[1:]):
        return False
    unsure = words if sentence.islower() else words[:2]
    return all(word.lower() in ordinary or len(word) == 1 for word in unsure)
