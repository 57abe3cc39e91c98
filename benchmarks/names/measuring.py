"""What the tagger brings: on templates that it never saw, on texts that name nobody, and how long it takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Final

from edge_agent.privacy.evaluation import Labelled, Score, evaluate
from edge_agent.privacy.words import looks
from orchestrator.ports import Detector
from orchestrator.privacy.finding import Finding

FOLDS: Final = 5
_WORDS: Final = 1_000
_TIMED: Final = 25


@dataclass(frozen=True, slots=True)
class Alarms:
    """What is found in texts that should hold little or nothing.

    Attributes:
        texts: how many there were.
        by_kind: in how many of them something of a kind was found.
    """

    texts: int
    by_kind: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Speed:
    """Median milliseconds for 1,000 words: of words never met before, and of words met before."""

    cold_ms: float
    warm_ms: float


class Told:
    """A detector that was asked before: what was found in each text."""

    def __init__(self, found: Mapping[str, Sequence[Finding]]) -> None:
        self._found = found

    def find(self, text: str) -> Sequence[Finding]:
        """What was found then."""
        return self._found[text]


def folds(templates: Sequence[int]) -> list[list[int]]:
    """The places of rows, in `FOLDS` parts that share no template."""
    names = sorted(set(templates))
    fold_of = {name: place % FOLDS for place, name in enumerate(names)}
    return [[row for row, name in enumerate(templates) if fold_of[name] == fold] for fold in range(FOLDS)]


def scores(rows: Sequence[Labelled], found: Mapping[str, Sequence[Finding]]) -> dict[str, Score]:
    """Scores over rows that were searched before."""
    return evaluate(rows, Told(found))


def alarms(texts: Sequence[str], detector: Detector) -> Alarms:
    """In how many of `texts` something is found."""
    kinds = ({str(finding.kind) for finding in detector.find(text)} for text in texts)
    return Alarms(len(texts), dict(Counter(chain.from_iterable(kinds)).most_common()))


def speed(texts: Sequence[str], detector: Detector) -> Speed:
    """How long 1,000 words take, over stretches of `texts`."""
    words = " ".join(texts).split()
    cold: list[float] = []
    warm: list[float] = []
    for place in range(_TIMED):
        start = place * (len(words) - _WORDS) // _TIMED
        text = " ".join(words[start : start + _WORDS])
        looks.cache_clear()
        for times in (cold, warm):
            begun = time.perf_counter()
            detector.find(text)
            times.append(1000 * (time.perf_counter() - begun))
    return Speed(median(cold), median(warm))
