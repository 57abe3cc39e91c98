"""Recall: the few records that matter for a question.

`candidates` proposes, `relevance` says whether a candidate has to do with the question at all, and `fusion` puts them
in order.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from edge_agent.context.candidates import Candidate, Vocabulary, look_up, propose, scalar
from edge_agent.context.fusion import Signs, fuse
from edge_agent.context.question import Question, read
from edge_agent.context.relevance import names_somebody, rarity, relevance

if TYPE_CHECKING:
    from edge_agent.context.meaning import Meaning

FLOOR = 0.5
"""Hits below this relevance are not returned."""
_BEST_SHARE = 0.6
"""Nor are those below this share of the best one."""
_NEAREST: Final = 100
_EXPECTED_BONUS, _AHEAD_BONUS = 0.06, 0.02
"""Added for the order only, never to a relevance."""
_WORD: Final = re.compile(r"[^\W_]+(?:['’]s\b)?")


@dataclass(frozen=True, slots=True)
class Hit:
    """A record's id and its relevance, 0 to 1."""

    record_id: int
    relevance: float
    occurs_at: int | None = None
    """Of an event that repeats: when the occurrence starts that is meant, in Unix seconds."""


def find(
    connection: sqlite3.Connection, text: str, *, limit: int, now: datetime, meaning: Meaning | None = None
) -> list[Hit]:
    """The records that matter for the question `text`, best first; none where nothing fits."""
    ranked = rank(connection, text, now=now, meaning=meaning)
    floor = max(FLOOR, _BEST_SHARE * max((hit.relevance for hit in ranked), default=0.0))
    return [hit for hit in ranked if hit.relevance >= floor][:limit]


def rank(connection: sqlite3.Connection, text: str, *, now: datetime, meaning: Meaning | None = None) -> list[Hit]:
    """Every candidate for the question `text`, best first, whether it fits or not.

    Args:
        connection: of a context store.
        text: any question.
        now: "tomorrow" is read from here.
        meaning: compares in meaning, too; without it, words, people and times alone count.
    """
    question = read(text, now)
    vocabulary = look_up(connection, question)
    if not vocabulary.total or (not question.terms and question.window is None):
        return []
    asked = None if meaning is None else meaning.of_question(connection, _from_their_mouth(text, vocabulary.names))
    near = {} if asked is None else asked.nearest(connection, limit=_NEAREST)
    candidates = propose(connection, question, vocabulary, near, now)
    cosines = {} if asked is None else asked.cosines(connection, list(candidates))
    hits = _judged(connection, question, vocabulary, candidates)
    fits = {hit.record_id: hit.relevance for hit in hits}
    scores = fuse({number: _signs(question, c, vocabulary, cosines, fits[number]) for number, c in candidates.items()})
    if not question.has_content:  # "What do I have on Friday?": only the calendar can say
        scores = fits
    order = {
        number: _order(question, scores[number], candidate, now=int(now.timestamp()))
        for number, candidate in candidates.items()
    }
    return sorted(hits, key=lambda hit: (*order[hit.record_id], hit.record_id))


def _from_their_mouth(text: str, names: frozenset[str]) -> str:
    """The question as the one whom it names would tell of it: "When did Priya move?" is "When did I move?".

    People seldom say their own names, and in a vector a name outweighs all else.
    """
    if not names:
        return text
    told = _WORD.sub(lambda match: "I" if _bare(match.group()) in names else match.group(), text)
    return re.sub(r"\bI(?:\s+I\b)+", "I", told)


def _bare(word: str) -> str:
    return re.sub(r"['’]s$", "", word.lower())


def _signs(
    question: Question, candidate: Candidate, vocabulary: Vocabulary, cosines: Mapping[int, float], fit: float
) -> Signs:
    return Signs(
        fit=fit,
        words=candidate.words,
        cosine=cosines.get(candidate.record_id, 0.0),
        by_named=bool(vocabulary.names) and candidate.is_of(vocabulary.names),
        in_time=question.window is not None and candidate.within(question.window),
        thread=candidate.thread,
        position=candidate.position,
    )


def _judged(
    connection: sqlite3.Connection, question: Question, vocabulary: Vocabulary, candidates: Mapping[int, Candidate]
) -> list[Hit]:
    weights = _weights(connection, question, vocabulary)
    somebody = names_somebody(candidate.match for candidate in candidates.values())
    return [
        Hit(
            number,
            relevance(question, weights, candidate.match, somebody=somebody),
            candidate.starts_at if candidate.repeats else None,
        )
        for number, candidate in candidates.items()
    ]


def _weights(connection: sqlite3.Connection, question: Question, vocabulary: Vocabulary) -> Sequence[float]:
    """The rarity of each term, and last of the window of time."""
    words = vocabulary.words[: len(question.terms)]
    weights = [rarity(vocabulary.total, word.holding) for word in words]
    if question.window is not None:
        bounds = (int(question.window.start.timestamp()), int(question.window.end.timestamp()))
        inside = scalar(connection, "SELECT count(*) FROM records WHERE starts_at >= ? AND starts_at < ?", *bounds)
        weights.append(rarity(vocabulary.total, inside))
    return weights


def _order(question: Question, score: float, candidate: Candidate, *, now: int) -> tuple[float, bool, int]:
    """Sort key: the highest score first; among near equals what the question expects, and of that the next to come.

    What happens once comes before what happens again and again, which its owner knows.
    """
    starts_at = candidate.starts_at
    if starts_at is None or not (candidate.match.expected or question.window):
        return -score, False, 0
    digits = 1 if question.has_content else 3
    score = round(score + (_EXPECTED_BONUS if candidate.match.expected else 0.0), digits)
    return -score - (_AHEAD_BONUS if starts_at >= now else 0.0), candidate.repeats, starts_at
