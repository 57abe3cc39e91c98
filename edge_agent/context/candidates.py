"""Records that a question might mean: what the words, the vectors and the calendar propose, and what they match."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from edge_agent.context import occurrences
from edge_agent.context.question import Question
from edge_agent.context.relevance import PEOPLE, TITLE, Match
from edge_agent.context.schema import RANK
from edge_agent.context.turns import ANSWERED, ASKED
from edge_agent.context.when import Window

_CANDIDATES: Final = 100
"""Proposed by the index at most, and as many by meaning and by the calendar."""
_COMMON_RECORDS, _COMMON_SHARE = 1000, 0.1
"""A word in more records than both of these say is common: it is not searched for, where rarer ones are at hand, and
counts only in titles and names. To follow all its places would take longer than all else."""
_LONGEST_EVENT = timedelta(days=62)
"""An event that began longer ago is not looked for."""
_AHEAD = timedelta(days=366)
_MESSAGES: Final = frozenset({"mail", "chat"})
"""Kinds of which the first of the people is the one who wrote it."""

_SCRATCH = """
CREATE VIRTUAL TABLE temp.asked USING fts5 (word, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE temp.asked_stems USING fts5vocab (temp, asked, instance);
"""
UNASKED: Final = frozenset({ASKED, ANSWERED})
"""Turns of other conversations that only a question for what was said brings back: an old question has the words of a
new one, and would stand before the record that answers both."""
_RANKED = f"""
SELECT rowid, -{RANK} AS score FROM records_fts WHERE records_fts MATCH ? AND {{which}} ORDER BY score DESC LIMIT ?
"""
_ANY = _RANKED.format(which="true")
_BUT_TURNS = _RANKED.format(which=f"rowid NOT IN (SELECT id FROM records WHERE kind IN ('{ASKED}', '{ANSWERED}'))")
_OF_THREAD = _RANKED.format(which="rowid IN (SELECT id FROM records WHERE thread = ? AND thread != '')")
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
_PLACES = """
SELECT doc, col, offset FROM records_places_of_words
WHERE term = ? AND doc IN (SELECT value FROM json_each(?))
"""
_HAVING = """
SELECT rowid FROM records_fts
WHERE records_fts MATCH ? AND +rowid IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question, as the index knows it."""

    text: str
    stem: str
    holding: int
    """How many records have it."""
    common: bool
    name: bool = False
    """It is part of the name of a person of the records."""


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
    repeats: bool = False
    """It starts and ends as the one occurrence that the question is nearest to."""

    def within(self, window: Window) -> bool:
        """Whether it happens, in part at least, in the window."""
        if self.starts_at is None:
            return False
        last = self.starts_at if self.ends_at is None else max(self.starts_at, self.ends_at - 1)
        return int(window.start.timestamp()) <= last and self.starts_at < int(window.end.timestamp())

    @property
    def is_message(self) -> bool:
        """Whether the first of its people wrote it."""
        return self.kind in _MESSAGES

    @property
    def owners(self) -> tuple[str, ...]:
        """Who wrote it or, where nobody did, is part of it."""
        return self.people[:1] if self.is_message else self.people


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The question's words, looked up."""

    total: int
    """Records in the store."""
    words: tuple[Word, ...]
    """Those of the question's terms, then those of its window of time."""

    @property
    def names(self) -> frozenset[str]:
        """The words that name a person of the records."""
        return frozenset(word.text for word in self.words if word.name)

    @property
    def named(self) -> frozenset[int]:
        """The numbers of those words."""
        return frozenset(number for number, word in enumerate(self.words) if word.name)

    def names_person(self, person: str) -> bool:
        """Whether the question names this person, as a record has them."""
        return not self.names.isdisjoint(person.lower().split())

    def names_owner(self, candidate: Candidate) -> bool:
        """Whether the question names somebody who wrote the record or, where nobody did, is part of it."""
        return any(self.names_person(person) for person in candidate.owners)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a new connection the scratch table that stems a question's words exactly as the index stems a record's."""
    connection.executescript(_SCRATCH)


def look_up(connection: sqlite3.Connection, question: Question) -> Vocabulary:
    """Stem each word with the index's own tokenizer, count its records, and see whether it is a name."""
    total = scalar(connection, "SELECT count(*) FROM records")
    texts = [*(term.word for term in question.terms), *question.window_words]
    connection.execute("BEGIN")  # of the scratch table only, which a rollback empties again
    try:
        connection.executemany("INSERT INTO temp.asked (rowid, word) VALUES (?, ?)", enumerate(texts))
        stems: dict[int, list[str]] = defaultdict(list)
        for number, stem in connection.execute("SELECT doc, term FROM temp.asked_stems ORDER BY doc, offset"):
            stems[number].append(stem)
    finally:
        connection.execute("ROLLBACK")
    limit = max(_COMMON_RECORDS, _COMMON_SHARE * total)
    words = []
    for number, text in enumerate(texts):
        holding = min((_holding(connection, stem) for stem in stems[number]), default=0)
        named = holding > 0 and number < len(question.terms) and _is_name(connection, text)
        words.append(Word(text, next(iter(stems[number]), ""), holding, holding > limit, named))
    return Vocabulary(total, tuple(words))


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
    ids = dict.fromkeys([*scores, *near, *_happening(connection, question, now)])
    beside = (row[0] for row in connection.execute(_BESIDE, (json.dumps(list(ids)),)))
    ids |= dict.fromkeys(beside)
    found = {}
    for row in connection.execute(_FACTS, (json.dumps(list(ids)),)):
        record_id, kind, starts_at, ends_at, characters, people, thread, position = row
        if kind in UNASKED and not question.of_conversation and (thread != conversation or not thread):
            continue
        match = Match(body_characters=characters)
        names = tuple(json.loads(people))
        score = scores.get(record_id, 0.0)
        found[record_id] = Candidate(record_id, kind, starts_at, ends_at, match, names, thread, position, score)
    _note_occurrences(connection, question, found, now)
    _note_words(connection, question, vocabulary.words, found)
    _note_nature(question, found)
    return found


def _holding(connection: sqlite3.Connection, stem: str) -> int:
    """How many records have this stem."""
    return scalar(connection, "SELECT doc FROM records_words WHERE term = ?", stem)


def _is_name(connection: sqlite3.Connection, word: str) -> bool:
    sql = "SELECT 1 FROM records_fts WHERE records_fts MATCH ? LIMIT 1"
    return connection.execute(sql, (f'{PEOPLE} : "{word}"',)).fetchone() is not None


def _ranked(
    connection: sqlite3.Connection, question: Question, vocabulary: Vocabulary, conversation: str
) -> dict[int, float]:
    """Record id → BM25. A person's name is left out where there is more to look for: who wrote a record counts apart,
    and in a store of conversations a name is in every other record."""
    present = [word for word in vocabulary.words if word.holding]
    rare = [word for word in present if not word.common] or sorted(present, key=_by_holding)[:2]
    rare = [word for word in rare if not word.name] or rare
    if not rare:
        return {}
    wanted = " OR ".join(f'"{word.text}"' for word in rare)
    found = connection.execute(_ANY if question.of_conversation else _BUT_TURNS, (wanted, _CANDIDATES)).fetchall()
    if conversation:
        found += connection.execute(_OF_THREAD, (wanted, conversation, _CANDIDATES)).fetchall()
    return dict(found)


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
    for record_id, times in occurrences.nearest(connection, json.dumps(list(candidates)), moment).items():
        candidate = candidates[record_id]
        taken = replace(candidate, starts_at=times[0], ends_at=times[1], repeats=True)
        if candidate.kind == "event" or (question.window is not None and taken.within(question.window)):
            candidates[record_id] = taken


def _note_words(
    connection: sqlite3.Connection, question: Question, words: Sequence[Word], candidates: dict[int, Candidate]
) -> None:
    """Note where each candidate has each word."""
    ids = json.dumps(list(candidates))
    when = len(question.terms)
    for number, word in enumerate(words):
        for record_id, column, offset in _places(connection, word, ids):
            candidates[record_id].match.places.setdefault(number, []).append((column, offset))
    for candidate in candidates.values():
        places = candidate.match.places
        of_window = [places.pop(number) for number in range(when, len(words)) if number in places]
        if of_window and len(of_window) == len(question.window_words):
            places[when] = of_window[0]


def _places(connection: sqlite3.Connection, word: Word, ids: str) -> Iterator[tuple[int, str, int]]:
    """Record, column and offset of the word's places in the records `ids`, a JSON list."""
    if not word.common:
        yield from connection.execute(_PLACES, (word.stem, ids))
        return
    for column in (TITLE, PEOPLE):
        for (record_id,) in connection.execute(_HAVING, (f'{column} : "{word.text}"', ids)):
            yield record_id, column, 0


def _note_nature(question: Question, candidates: dict[int, Candidate]) -> None:
    """Note what each candidate covers by its kind and by its time, and whether it is what the question expects."""
    for candidate in candidates.values():
        candidate.match.expected = candidate.kind in question.expects
        by_nature = candidate.match.by_nature
        by_nature.update(n for n, term in enumerate(question.terms) if candidate.kind in term.kinds)
        if question.window is not None and candidate.within(question.window):
            by_nature.add(len(question.terms))


def _by_holding(word: Word) -> int:
    return word.holding


def scalar(connection: sqlite3.Connection, sql: str, *values: object) -> int:
    """The one number that a query gives; 0 for none."""
    row = connection.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
