"""Finding people, organizations, places, addresses and dates that the store does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from edge_agent.privacy.tagger import Tagger
from edge_agent.privacy.words import Words, split
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

WEIGHTS: Final = Path(__file__).with_name("weights") / "names.npz"
PERSONAL_FROM: Final = 0.4
"""The least chance of being personal at which a word is found: docs/privacy.md shows what others would bring."""

_FORMED: Final = frozenset({Kind.PHONE_NUMBER, Kind.ACCOUNT_NUMBER, Kind.EMAIL_ADDRESS, Kind.DOMAIN_NAME})
"""Patterns know these for certain. The tagger tells them apart only so that it takes them for nothing else."""


class Names:
    """A `Detector` of what has no fixed form, by a fitted tagger. The weights are read once, when it is made."""

    def __init__(self, tagger: Tagger | None = None, *, personal_from: float = PERSONAL_FROM) -> None:
        """
        Args:
            tagger: the one that comes with Edgewise, unless another is given.
            personal_from: the least chance of being personal at which a word is found, between 0 and 1.

        Raises:
            ModelCorrupt: the weights are missing or damaged.
        """
        self._tagger = tagger or Tagger.load(WEIGHTS)
        self._personal_from = personal_from

    def find(self, text: str) -> Sequence[Finding]:
        """What is personal by the words and those around it, in the order of their starts, without overlaps."""
        words = split(text)
        if not words.texts:
            return []
        return list(_joined(self._marked(words), text))

    def _marked(self, words: Words) -> Iterator[tuple[Kind, int, int]]:
        """Kind, start and end of each word that is personal."""
        chances = self._tagger.chances(words)
        places = (chances[:, 0] < 1 - self._personal_from).nonzero()[0]
        kinds = chances[places, 1:].argmax(axis=1)
        for place, number in zip(places.tolist(), kinds.tolist(), strict=True):
            kind = self._tagger.kinds[number]
            if words.texts[place] != "\n" and kind not in _FORMED:
                yield kind, *words.spans[place]


def _joined(marked: Iterator[tuple[Kind, int, int]], text: str) -> Iterator[Finding]:
    """Neighbours of one kind as one finding."""
    last: tuple[Kind, int, int] | None = None
    for kind, start, end in marked:
        if last is not None and last[0] is kind and _goes_on(kind, text[last[2] : start]):
            last = (kind, last[1], end)
            continue
        if last is not None:
            yield _finding(*last)
        last = (kind, start, end)
    if last is not None:
        yield _finding(*last)


def _goes_on(kind: Kind, between: str) -> bool:
    """Blanks join words; only an address goes on after a comma, and in the next line."""
    if kind is Kind.STREET_ADDRESS:
        return not between.strip(" ,.\n\t")
    return not between.strip(" \t")


def _finding(kind: Kind, start: int, end: int) -> Finding:
    return Finding(kind, start, end, Sensitivity.PERSONAL, "name")
