"""Many signs of which record is meant, made one score.

Each sign is divided by the best that any candidate of the question has, so that signs of different scales can be added.
The shares are round numbers: they were set once and are fitted to nothing (docs/recall.md shows what each is worth).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

FIT = 0.4
WORDS, MEANING = 0.4, 0.6
"""The question's words in the record, and the closeness of the two in meaning."""
NEIGHBOUR = 0.3
"""Of the score of the message before and of the one behind: an answer stands beside what it answers."""
THREAD = 0.25
"""Of the mean score of the best messages of the same conversation."""
_THREAD_BEST = 3
SPEAKER = 0.3
"""Added to what somebody wrote whom the question names."""
TIME = 0.3
"""Added to what happens in the time that the question names."""
TOLD_TIME = 0.1
"""Added, where the question asks when, to what tells a time."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for one candidate.

    Attributes:
        fit: how much of the question it covers, by words, kind and time, 0 to 1 (`relevance`).
        words: BM25, larger is better; 0 where no word of the question is in it.
        cosine: of its vector and the question's, -1 to 1; 0 where one of them has none.
        by_named: somebody whom the question names wrote it, or it is about them.
        in_time: it happens in the stretch of time that the question names.
        thread: the conversation that it is part of; empty for none.
        position: its place there.
    """

    fit: float = 0.0
    words: float = 0.0
    cosine: float = 0.0
    by_named: bool = False
    in_time: bool = False
    thread: str = ""
    position: int = 0


def fuse(signs: Mapping[int, Signs]) -> dict[int, float]:
    """Candidate → score; only the order of one question's scores means anything."""
    own = own_scores(signs)
    beside: dict[tuple[str, int], float] = defaultdict(float)
    for number, sign in signs.items():
        if sign.thread:
            beside[sign.thread, sign.position] = max(beside[sign.thread, sign.position], own[number])
    scores = {}
    for number, sign in signs.items():
        neighbours = sum(beside.get((sign.thread, sign.position + step), 0.0) for step in (-1, 1))
        scores[number] = own[number] + NEIGHBOUR * neighbours + SPEAKER * sign.by_named + TIME * sign.in_time
    return _with_threads(signs, scores)


def own_scores(signs: Mapping[int, Signs]) -> dict[int, float]:
    """Candidate → what speaks for it alone: how it fits in words and in meaning, whoever wrote it and wherever."""
    most_words = max((sign.words for sign in signs.values()), default=0.0) or 1.0
    closest = max((sign.cosine for sign in signs.values()), default=0.0)
    closest = closest if closest > 0 else 1.0
    return {
        number: FIT * sign.fit + WORDS * sign.words / most_words + MEANING * max(0.0, sign.cosine) / closest
        for number, sign in signs.items()
    }


def _with_threads(signs: Mapping[int, Signs], scores: Mapping[int, float]) -> dict[int, float]:
    members: dict[str, list[float]] = defaultdict(list)
    for number, score in scores.items():
        members[signs[number].thread].append(score)
    best = {thread: sum(sorted(found, reverse=True)[:_THREAD_BEST]) / _THREAD_BEST for thread, found in members.items()}
    return {
        number: score + (THREAD * best[signs[number].thread] if signs[number].thread else 0.0)
        for number, score in scores.items()
    }
