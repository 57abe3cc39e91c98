"""How well a record fits a question, from 0 to 1.

The measure is the share of the question's words that the record covers, each word weighed by how rare it is in the
store (inverse document frequency, as in BM25: Robertson and Zaragoza, 2009), and by where it stands: in the title, in a
body near the question's other words, or by itself in a long text. That share is lowered where nothing says that the
question is about the asker's own life: "the dentist" is somebody, "a dentist" is a profession.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_agent.context.question import Question

_PRIOR_RECORDS = 1000
"""Imagined records that hold none of the words: in a store of three records, too, a missing word counts."""
_FIRM, _NEAR, _LONE = 1.0, 0.95, 0.7
_NEAR_WORDS = 12
_SHORT_BODY_CHARACTERS = 160
_FULL_QUESTION = 6
"""Who writes three lines about their own life tells more than a record holds: this many words covered are enough."""
_SOMEBODY = 0.7
"""Exponent below 1: a question that names a person of the records needs less else to be about them."""
_DEFINITE, _TWO_WORDS, _BARE, _GENERAL = 0.9, 0.8, 0.45, 0.5

BODY = "body"
TITLE = "title"
PEOPLE = "people"


@dataclass(slots=True)
class Match:
    """Where a record covers a question."""

    body_characters: int
    places: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Term number → the column and word offset of each of its occurrences."""
    by_nature: set[int] = field(default_factory=set)
    """Terms that are covered by what the record is: its kind, or its time."""
    expected: bool = False
    """It is of a kind that such a question is answered from."""


def rarity(records: int, holding: int) -> float:
    """Weight of a word that `holding` of `records` records have."""
    return math.log1p((_PRIOR_RECORDS + records - holding) / (holding + 1.0))


def names_somebody(matches: Iterable[Match]) -> bool:
    """Whether a word of the question is part of the name of a person in the records."""
    return any(column == PEOPLE for match in matches for places in match.places.values() for column, _ in places)


class Fit:
    """How well records fit one question."""

    def __init__(self, question: Question, weights: Sequence[float], *, somebody: bool) -> None:
        """What is the same for every record.

        Args:
            question: what was asked.
            weights: the rarity of each term, and last of the question's window of time if it has one.
            somebody: the question names a person of the records.
        """
        self._question = question
        self._weights = weights
        self._somebody = somebody
        self._needed = sum(sorted(weights, reverse=True)[:_FULL_QUESTION] if question.personal else weights)
        self._not_enough = question.kind_terms if question.has_content else frozenset[int]()

    def relevance(self, match: Match) -> float:
        """How well the record fits that covers this, by the same numbers as the weights: 0 to 1."""
        covered = _strengths(match)
        if not covered or self._needed <= 0 or covered.keys() <= self._not_enough:
            return 0.0  # "Who wrote Hamlet?": that it is a mail is not enough
        share = sum(self._weights[number] * strength for number, strength in covered.items()) / self._needed
        if self._somebody:
            return float(min(1.0, share) ** _SOMEBODY)
        return min(1.0, share) * _aboutness(self._question, match, covered)


def _strengths(match: Match) -> dict[int, float]:
    """Term number → how firmly the record is about it; only of the terms that it covers."""
    return {number: _strength(number, match) for number in match.places.keys() | match.by_nature}


def coverage(weights: Sequence[float], match: Match, asked: Sequence[int]) -> float:
    """The share of the terms `asked` that the record covers, 0 to 1; 1 where nothing is asked."""
    needed = sum(weights[number] for number in asked)
    covered = (number for number in asked if number in match.places or number in match.by_nature)
    return sum(weights[number] * _strength(number, match) for number in covered) / needed if needed else 1.0


def _strength(number: int, match: Match) -> float:
    """How firmly the record is about one term."""
    if number in match.by_nature:
        return _FIRM
    places = match.places[number]
    if any(column != BODY for column, _ in places):
        return _FIRM
    if match.body_characters <= _SHORT_BODY_CHARACTERS:
        return _NEAR
    if len(match.places) == 1:
        return _LONE
    others = [
        offset for other, found in match.places.items() if other != number for column, offset in found if column == BODY
    ]
    near = any(abs(offset - other) <= _NEAR_WORDS for _, offset in places for other in others)
    return _NEAR if near else _LONE


def _aboutness(question: Question, match: Match, covered: dict[int, float]) -> float:
    """How sure it is that the question is about the asker's life rather than about the world."""
    terms = question.terms
    if question.personal or any(number < len(terms) for number in match.by_nature):
        return 1.0
    if not terms:  # "What's on Friday?"
        return _GENERAL if question.general else 1.0
    certain = match.expected and any(column == TITLE for places in match.places.values() for column, _ in places)
    if certain or any(terms[number].definite for number in covered if number < len(terms)):
        sure = _DEFINITE
    else:
        sure = _TWO_WORDS if len(covered) > 1 else _BARE
    return sure * _GENERAL if question.general else sure
