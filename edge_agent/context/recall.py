"""Recall: the few records that matter for a question.

`candidates` proposes, `relevance` says whether a candidate has to do with the question at all, `fusion` puts them in
order, and `attribution` says whether what fits is about the people whom the question names.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from edge_agent.context.attribution import certainty, speaks
from edge_agent.context.candidates import NEAREST, Candidate, propose, scalar
from edge_agent.context.fusion import TOLD_TIME, Signs, fuse, own_scores
from edge_agent.context.question import Question, asks_about, read
from edge_agent.context.relevance import Fit, coverage, names_somebody, rarity
from edge_agent.context.told_times import telling
from edge_agent.context.turns import UNASKED, but_turns
from edge_agent.context.vocabulary import Vocabulary, look_up

if TYPE_CHECKING:
    from edge_agent.context.meaning import Meaning

FLOOR = 0.5
"""Hits below this relevance are not returned."""
PERSONAL_FLOOR = 0.4
"""The same where only the records can tell: what fits less is still worth showing then, but nothing to be sure of."""
_BEST_SHARE = 0.6
"""Nor are those below this share of the best one."""
_MOST_TURNS: Final = 1000
"""Turns that may be nearer to a question than its records: it may have been asked before, and often."""
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
    aside: bool = False
    """An earlier question of the same conversation, or its answer, for which nobody asked: records come before it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What recall finds for a question."""

    hits: Sequence[Hit] = ()
    """Best first."""
    confidence: float = 0.0
    """The chance that they hold what was asked for, 0 to 1: how much of the question the best one covers by words or in
    meaning, in full from `FLOOR` on; times the chance that it is about those whom the question names (`attribution`).
    """
    personal: bool = False
    """The question asks for a fact of the asker's own life, or of the people in it: nobody else could know."""


def find(
    connection: sqlite3.Connection,
    text: str,
    *,
    limit: int,
    now: datetime,
    meaning: Meaning | None = None,
    conversation: str = "",
) -> Found:
    """The records that matter for the question `text`, best first; none where nothing fits."""
    ranked = rank(connection, text, now=now, meaning=meaning, conversation=conversation)
    best = max((hit.relevance for hit in ranked.hits if not hit.aside), default=0.0)
    floor = max(PERSONAL_FLOOR if ranked.personal else FLOOR, _BEST_SHARE * best)
    hits = [hit for hit in ranked.hits if hit.relevance >= floor][:limit]
    sure = ranked.confidence if best >= FLOOR else min(best, ranked.confidence)
    return replace(ranked, hits=hits, confidence=sure if hits else 0.0)


def rank(
    connection: sqlite3.Connection,
    text: str,
    *,
    now: datetime,
    meaning: Meaning | None = None,
    conversation: str = "",
) -> Found:
    """Every candidate for the question `text`, best first, whether it fits or not.

    Args:
        connection: of a context store.
        text: any question.
        now: "tomorrow" is read from here.
        meaning: compares in meaning, too; without it, words, people and times alone count.
        conversation: the thread in which it is asked: what was said there counts, too.
    """
    question = read(text, now)
    vocabulary = look_up(connection, question, conversation=conversation)
    if not vocabulary.total or (not question.terms and question.window is None):
        return Found(personal=question.own)
    asked = None if meaning is None else meaning.of_question(connection, _from_their_mouth(text, vocabulary.names))
    near = {} if asked is None else asked.nearest(connection, limit=NEAREST + min(vocabulary.turns, _MOST_TURNS))
    if vocabulary.turns:
        near = but_turns(connection, near, limit=NEAREST, conversation=conversation)
    candidates = propose(connection, question, vocabulary, near, now, conversation=conversation)
    cosines = {number: cosine for number, cosine in near.items() if number in candidates}
    if asked is not None:
        cosines |= asked.cosines(connection, [number for number in candidates if number not in cosines])
    weights = _weights(connection, question, vocabulary)
    hits = _judged(question, weights, candidates)
    fits = {hit.record_id: hit.relevance for hit in hits}
    window = len(question.terms)  # its number: it comes behind the terms
    signs = {number: _signs(c, cosines.get(number, 0.0), fits[number], window) for number, c in candidates.items()}
    # "What do I have on Friday?": only the calendar can say
    scores = _scores(connection, question, candidates, signs) if question.has_content else fits
    order = {
        number: _order(question, scores[number], candidate, now=int(now.timestamp()))
        for number, candidate in candidates.items()
    }
    ranked = sorted(hits, key=lambda hit: (hit.aside, *order[hit.record_id], hit.record_id))
    held = _covered(vocabulary, weights, candidates, cosines)
    if vocabulary.names and not question.personal:
        held *= certainty(connection, vocabulary, candidates, own_scores(signs))
    of_known = question.asks_fact and asks_about(text, vocabulary.names)
    return Found(ranked, held, question.own or of_known)


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


def _signs(candidate: Candidate, cosine: float, fit: float, window: int) -> Signs:
    return Signs(
        fit=fit,
        words=candidate.words,
        cosine=cosine,
        by_named=candidate.of_named,
        in_time=window in candidate.match.by_nature,
        thread=candidate.thread,
        position=candidate.position,
    )


def _scores(
    connection: sqlite3.Connection,
    question: Question,
    candidates: Mapping[int, Candidate],
    signs: Mapping[int, Signs],
) -> dict[int, float]:
    scores = fuse(signs)
    if question.asks_when:
        scores |= {number: scores[number] + TOLD_TIME for number in telling(connection, candidates, scores)}
    return scores


def _judged(question: Question, weights: Sequence[float], candidates: Mapping[int, Candidate]) -> list[Hit]:
    somebody = names_somebody(candidate.match for candidate in candidates.values())
    fit = Fit(question, weights, somebody=somebody)
    return [
        Hit(
            number,
            fit.relevance(candidate.match),
            candidate.starts_at if candidate.repeats else None,
            aside=candidate.kind in UNASKED and not question.of_conversation,
        )
        for number, candidate in candidates.items()
    ]


def _covered(
    vocabulary: Vocabulary,
    weights: Sequence[float],
    candidates: Mapping[int, Candidate],
    cosines: Mapping[int, float],
) -> float:
    """How much of what the question asks, beside whom it names, the best candidate covers; 1 where it is enough."""
    asked = [number for number in range(len(weights)) if number not in vocabulary.named]
    shares = (
        max(coverage(weights, candidate.match, asked), cosines.get(number, 0.0))
        for number, candidate in candidates.items()
        if speaks(candidate, vocabulary)
    )
    return min(1.0, max(shares, default=0.0) / FLOOR)


def _weights(connection: sqlite3.Connection, question: Question, vocabulary: Vocabulary) -> Sequence[float]:
    """The rarity of each term, and last of the window of time."""
    words = vocabulary.words[: len(question.terms)]
    weights = [rarity(vocabulary.total, word.holding) for word in words]
    if question.window is not None:
        counting = "SELECT count(*) FROM records WHERE starts_at >= ? AND starts_at < ?"
        inside = scalar(connection, counting, *question.window.bounds)
        weights.append(rarity(vocabulary.total, inside))
    return weights


def _order(question: Question, score: float, candidate: Candidate, *, now: int) -> tuple[float, bool, int]:
    """Sort key: the highest score first; among near equals what the question expects, and of that the next to come.

    Asked what there is, what happens once comes before what happens again and again, which its owner knows. Asked when
    something is, the next time comes first.
    """
    starts_at = candidate.starts_at
    if starts_at is None or not (candidate.match.expected or question.window):
        return -score, False, 0
    digits = 1 if question.has_content else 3
    score = round(score + (_EXPECTED_BONUS if candidate.match.expected else 0.0), digits)
    usual = candidate.repeats and (question.window is not None or not question.has_content)
    return -score - (_AHEAD_BONUS if starts_at >= now else 0.0), usual, starts_at
