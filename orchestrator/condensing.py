"""Older turns of a conversation in fewer words: the sentences that matter, as they were said.

Nothing is rephrased, so nothing is invented. A sentence is worth more if it makes a promise or a decision, tells a fact
about the user, or holds a number, a date or a name: cue phrases (Edmundson 1969, New Methods in Automatic Extracting).
Among equals its words count, each by how often the conversation uses it (SumBasic; Nenkova and Vanderwende 2005), and
what is already there counts against it (maximal marginal relevance; Carbonell and Goldstein 1998). The cues are
English; in other languages numbers, names and frequent words are left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.types import Message

_END: Final = re.compile(r"(?<=[.!?…])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bProf\.)\s+|\n+")
_WORD: Final = re.compile(r"[^\W_]{3,}|\d+")
_LONGEST: Final = 240
"""Characters of a sentence; a longer one is a list or a program, and is cut."""
_TRIED: Final = 300
"""Sentences, those of the most worth: many times what fits."""
_MISSES: Final = 8
"""After so many sentences that no longer fit, the rest is not tried."""

_PROMISE: Final = re.compile(
    r"\b(?:i|we|you)(?: will|'ll|'d better| shall| must| have to| need to| promised?| agreed?| decided?)\b"
    r"|\b(?:i'm|i am|we're|we are) going to\b|\bpromis(?:e|es|ed|ing)\b|\b(?:agreed|decided|decision|deadline|due)\b"
    r"|\blet's\b|\bremember\b|\bremind\b|\b(?:don't|do not|never) forget\b|\bfrom now on\b|\b(?:always|never)\b",
    re.IGNORECASE,
)
_FACT: Final = re.compile(
    r"\b(?:my|our) \w+|\bi(?:'m|'ve| am| was| have| had| live| work| like| love| hate| prefer| want| bought| moved)\b"
    r"|\bwe(?:'re|'ve| are| have| live| bought| moved)\b|\b(?:is|are) (?:called|named)\b|\bcall me\b",
    re.IGNORECASE,
)
_FIGURE: Final = re.compile(
    r"\d|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:tomorrow|today|tonight|yesterday|noon|midnight)\b"
    r"|\b(?:january|february|march|april|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?<=[\w,;:] )(?!I\b)[A-Z][\w'’-]+")
_OF_PROMISE, _OF_FACT, _OF_FIGURE, _OF_NAME, _OF_QUESTION = 4.0, 2.0, 1.0, 0.5, -1.5
_REPETITION: Final = 1.0

Fits = Callable[[Sequence[str]], bool]
"""Whether these lines together are short enough."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    place: int
    line: str
    words: frozenset[str]
    worth: float


def condense(turns: Sequence[Message], *, fits: Fits) -> str:
    """The sentences of `turns` that matter most, each with who said it, in the order in which they were said.

    Args:
        turns: older ones, the first first. The same turns give the same text.
        fits: told the lines so far and one more.

    Returns:
        As many lines as fit; empty where none does.
    """
    open_ = sorted(_sentences(turns), key=lambda s: (-s.worth, s.place))[:_TRIED]
    chosen: list[_Sentence] = []
    likeness = dict.fromkeys((sentence.place for sentence in open_), 0.0)
    misses = 0
    while open_ and misses < _MISSES:
        best = max(open_, key=lambda s: (s.worth - _REPETITION * likeness[s.place], -s.place))
        open_.remove(best)
        if not fits([*(sentence.line for sentence in chosen), best.line]):
            misses += 1
            continue
        chosen.append(best)
        for sentence in open_:
            likeness[sentence.place] = max(likeness[sentence.place], _alike(sentence.words, best.words))
    return "\n".join(sentence.line for sentence in sorted(chosen, key=lambda s: s.place))


def _sentences(turns: Sequence[Message]) -> list[_Sentence]:
    said = list(dict.fromkeys(_said(turns)))
    often = Counter(word for _, _, words in said for word in words)
    most = max(often.values(), default=1)
    found = []
    for place, (role, text, words) in enumerate(said):
        frequent = sum(often[word] for word in words) / (len(words) * most)
        speaker = "User" if role == "user" else "Assistant"
        found.append(_Sentence(place, f"{speaker}: {text}", words, frequent + _cues(role, text)))
    return found


def _said(turns: Sequence[Message]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Role, sentence and its words. What a tool gave back is not said by anybody."""
    for turn in turns:
        if turn.role not in ("user", "assistant"):
            continue
        for sentence in _END.split(turn.text):
            text = " ".join(sentence.split())
            words = frozenset(_WORD.findall(text.lower()))
            if words:
                yield turn.role, text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …", words


def _cues(role: str, text: str) -> float:
    """What speaks for a sentence besides its words. A fact about themselves is the user's to tell."""
    worth = _OF_QUESTION if text.endswith("?") else 0.0
    worth += _OF_PROMISE if _PROMISE.search(text) else 0.0
    worth += _OF_FACT if role == "user" and _FACT.search(text) else 0.0
    worth += _OF_FIGURE if _FIGURE.search(text) else 0.0
    return worth + (_OF_NAME if _NAME.search(text) else 0.0)


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of their words that two sentences have in common (Jaccard)."""
    return len(one & other) / len(one | other)
