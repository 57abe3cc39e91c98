"""Records that a question might mean: what the words, the vectors and the calendar propose, and what they match."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from edge_agent.context import occurrences
from edge_agent.context.people import Person, having
from edge_agent.context.places import places
from edge_agent.context.question import Question
from edge_agent.context.relevance import PEOPLE, Match
from edge_agent.context.schema import RANK
from edge_agent.context.turns import UNASKED, UNASKED_IDS
from edge_agent.context.vocabulary import Vocabulary, Word, quoted

_CANDIDATES: Final = 100
"""Proposed by the index at most, and as many by the calendar."""
NEAREST: Final = 50
"""Proposed by meaning at most."""
_LEADING: Final = 12
"""Of each sort: a message may bring the one before and the one behind it."""
_PEOPLE: Final = 1024
"""Lists of people that are remembered as read: the same few are in most records."""
_SCORED: Final = 4000
"""Records whose BM25 is computed at most, about: a microsecond each. The rarest words go first."""
_LONGEST_EVENT = timedelta(days=62)
"""An event that began longer ago is not looked for."""
_AHEAD = timedelta(days=366)
_MESSAGES: Final = frozenset({"mail", "chat"})
"""Kinds of which the first of the people is the one who wrote it."""

_RANKED = f"""
SELECT rowid, -{RANK} AS score FROM records_fts WHERE records_fts MATCH :wanted AND {{which}}
ORDER BY score DESC LIMIT :limit
"""
_NEWEST = """
SELECT rowid, 1.0 FROM records_fts WHERE records_fts MATCH :wanted AND {which} ORDER BY rowid DESC LIMIT :limit
"""
_ANY = "true"
_BUT_TURNS = f"+rowid NOT IN ({UNASKED_IDS})"
_OF_THREAD = "+rowid IN (SELECT id FROM records WHERE thread = :conversation AND thread != '')"
_HAPPENING = """
SELECT id FROM records
WHERE kind = 'event' AND starts_at >= ?1 AND starts_at < ?2 AND max(starts_at, coalesce(ends_at - 1, starts_at)) >= ?3
ORDER BY starts_at LIMIT ?4
"""
_HAPPENING_AGAIN = """
SELECT record_id FROM occurrences
WHERE starts_at >= ?1 AND starts_at < ?2 AND max(starts_at, ends_at - 1) >= ?3
GROUP BY record_id ORDER BY min(starts_at) LIMIT ?4
"""
_BESIDE = """
SELECT beside.id FROM records JOIN records AS beside
ON beside.thread = records.thread AND beside.position IN (records.position - 1, records.position + 1)
WHERE records.thread != '' AND beside.thread != '' AND records.id IN (SELECT value FROM json_each(?))
"""
_FACTS = """
SELECT id, kind, starts_at, ends_at, length(body), people, thread, position FROM records
WHERE id IN (SELECT value FROM json_each(?))
"""


@dataclass(slots=True)
class Candidate:
    """A record that might matter."""

    record_id: int
    kind: str
    starts_at: int | None
    ends_at: int | None
    match: Match
    people: tuple[str, ...] = ()
    thread: str = ""
    position: int = 0
    words: float = 0.0
    """BM25, larger is better."""
    of_named: bool = False
    """Somebody whom the question names wrote it or, where nobody did, is part of it."""
    repeats: bool = False
    """It starts and ends as the one occurrence that the question is nearest to."""

    def within(self, bounds: tuple[int, int]) -> bool:
        """Whether it happens, in part at least, between the first of these Unix seconds and the second."""
        if self.starts_at is None:
            return False
        last = self.starts_at if self.ends_at is None else max(self.starts_at, self.ends_at - 1)
        return bounds[0] <= last and self.starts_at < bounds[1]

    @property
    def is_message(self) -> bool:
        """Whether the first of its people wrote it."""
        return self.kind in _MESSAGES

    @property
    def owners(self) -> tuple[str, ...]:
        """Who wrote it or, where nobody did, is part of it."""
        return self.people[:1] if self.is_message else self.people


def propose(
    connection: sqlite3.Connection,
    question: Question,
    vocabulary: Vocabulary,
    near: Mapping[int, float],
    now: datetime,
    *,
    conversation: str = "",
) -> dict[int, Candidate]:
    """Records worth judging: what the index ranks highest, what is near in meaning, what the calendar says, and what
    stands beside these in a conversation.

    Args:
        near: record id → cosine to the question, of the records closest to it.
        conversation: the thread in which it is asked.
    """
    scores = _ranked(connection, question, vocabulary, conversation)
    theirs = having(connection, vocabulary.people, limit=_CANDIDATES)
    happening = _happening(connection, question, now)
    leading = dict.fromkeys([*islice(scores, _LEADING), *islice(near, _LEADING), *islice(theirs, _LEADING), *happening])
    beside = [row[0] for row in connection.execute(_BESIDE, (json.dumps(list(leading)),))]
    ids = dict.fromkeys([*scores, *near, *theirs, *happening, *beside])
    found = {}
    for row in connection.execute(_FACTS, (json.dumps(list(ids)),)):
        record_id, kind, starts_at, ends_at, characters, people, thread, position = row
        if kind in UNASKED and not question.of_conversation and (thread != conversation or not thread):
            continue
        match = Match(body_characters=characters)
        score = scores.get(record_id, 0.0)
        found[record_id] = Candidate(record_id, kind, starts_at, ends_at, match, _read(people), thread, position, score)
    _note_occurrences(connection, question, found, now)
    _note_words(connection, question, vocabulary.words, found)
    _note_people(question, vocabulary.people, found)
    _note_owners(vocabulary, found.values())
    _note_nature(question, found)
    return found


def _ranked(
    connection: sqlite3.Connection, question: Question, vocabulary: Vocabulary, conversation: str
) -> dict[int, float]:
    """Record id → how well its words fit, larger is better: BM25 of the rare words.

    A person's name is left out where there is more to look for: who wrote a record counts apart, and in a store of
    conversations a name is in every other record. Where all words are common, the newest records that have all of
    them, or else any, count the same.
    """
    words = sorted((word for word in vocabulary.words if word.holding), key=_by_holding)
    words = [word for word in words if not word.name] or words
    if not words:
        return {}
    rare = [word for word in words if not word.common]
    while len(rare) > 1 and sum(word.holding for word in rare) > _SCORED:
        rare.pop()
    queries = [(_RANKED, quoted(rare, "OR"))] if rare else [(_NEWEST, quoted(words, how)) for how in ("AND", "OR")]
    found: dict[int, float] = {}
    for sql, wanted in queries:
        wishes = {"wanted": wanted, "limit": _CANDIDATES, "conversation": ""}
        which = _ANY if question.of_conversation else _BUT_TURNS
        found.update(connection.execute(sql.format(which=which), wishes).fetchall())
        if conversation:
            own = connection.execute(sql.format(which=_OF_THREAD), {**wishes, "conversation": conversation})
            found.update(own.fetchall())
        if found:
            break
    return found


def _happening(connection: sqlite3.Connection, question: Question, now: datetime) -> list[int]:
    if question.window is None and not all("event" in term.kinds for term in question.terms):
        return []
    start = question.window.start if question.window else now
    end = question.window.end if question.window else now + _AHEAD
    bounds = [int(moment.timestamp()) for moment in (start - _LONGEST_EVENT, end, start)]
    queries = (_HAPPENING, _HAPPENING_AGAIN)
    return [row[0] for sql in queries for row in connection.execute(sql, (*bounds, _CANDIDATES))]


def _note_occurrences(
    connection: sqlite3.Connection, question: Question, candidates: dict[int, Candidate], now: datetime
) -> None:
    """Take each candidate that repeats as its occurrence in the question's window, or else as the next one.

    A contact has its birthday only in a window: asked who somebody is, when they were born is no matter.
    """
    moment = question.window.start if question.window else now
    bounds = question.window.bounds if question.window else None
    for record_id, times in occurrences.nearest(connection, json.dumps(list(candidates)), moment).items():
        candidate = candidates[record_id]
        taken = replace(candidate, starts_at=times[0], ends_at=times[1], repeats=True)
        if candidate.kind == "event" or (bounds is not None and taken.within(bounds)):
            candidates[record_id] = taken


def _note_words(
    connection: sqlite3.Connection, question: Question, words: Sequence[Word], candidates: dict[int, Candidate]
) -> None:
    """Note where each candidate has each word."""
    when = len(question.terms)
    for place in places(connection, words, candidates):
        candidates[place.record_id].match.places.setdefault(place.word, []).append((place.column, place.offset))
    for candidate in candidates.values():
        noted = candidate.match.places
        of_window = [noted.pop(number) for number in range(when, len(words)) if number in noted]
        if of_window and len(of_window) == len(question.window_words):
            noted[when] = of_window[0]


def _note_people(question: Question, people: Sequence[Person], candidates: Mapping[int, Candidate]) -> None:
    """Note which candidates have, under another name, somebody whom the question names."""
    for person in people:
        numbers = [number for number, term in enumerate(question.terms) if term.word in person.words]
        for candidate in candidates.values():
            if any(map(person.is_called, candidate.people)):
                for number in numbers:
                    candidate.match.places.setdefault(number, []).append((PEOPLE, 0))


def _note_owners(vocabulary: Vocabulary, candidates: Collection[Candidate]) -> None:
    """Note which candidates are of somebody whom the question names; each person is compared once."""
    if not vocabulary.names and not vocabulary.people:
        return
    owners = {person for candidate in candidates for person in candidate.owners}
    named = {person for person in owners if vocabulary.names_person(person)}
    for candidate in candidates:
        candidate.of_named = not named.isdisjoint(candidate.owners)


def _note_nature(question: Question, candidates: dict[int, Candidate]) -> None:
    """Note what each candidate covers by its kind and by its time, and whether it is what the question expects."""
    bounds = question.window.bounds if question.window else None
    kinds = {kind: {n for n, term in enumerate(question.terms) if kind in term.kinds} for kind in _kinds(candidates)}
    for candidate in candidates.values():
        candidate.match.expected = candidate.kind in question.expects
        candidate.match.by_nature |= kinds[candidate.kind]
        if bounds is not None and candidate.within(bounds):
            candidate.match.by_nature.add(len(question.terms))


def _kinds(candidates: Mapping[int, Candidate]) -> set[str]:
    return {candidate.kind for candidate in candidates.values()}


@lru_cache(_PEOPLE)
def _read(people: str) -> tuple[str, ...]:
    """A record's people, from the JSON in which they are kept."""
    return tuple(json.loads(people))


def _by_holding(word: Word) -> int:
    return word.holding


def scalar(connection: sqlite3.Connection, sql: str, *values: object) -> int:
    """The one number that a query gives; 0 for none."""
    row = connection.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
