"""Recall: the few records that matter for a question.

The full-text index proposes (BM25, columns weighted), the calendar proposes (what lies in the window of time that the
question names), and `relevance` judges every proposal by what it covers.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.context.question import Question, read
from edge_agent.context.relevance import PEOPLE, TITLE, Match, names_somebody, rarity, relevance
from edge_agent.context.schema import RANK
from edge_agent.context.when import Window

FLOOR = 0.5
"""Hits below this relevance are not returned."""
_BEST_SHARE = 0.6
"""Nor are those below this share of the best one."""
_CANDIDATES = 48
_COMMON_RECORDS, _COMMON_SHARE = 1000, 0.1
"""A word in more records than both of these say is common: it is not searched for, where rarer ones are at hand, and
counts only in titles and names. To follow all its places would take longer than all else."""
_LONGEST_EVENT = timedelta(days=62)
"""An event that began longer ago is not looked for."""
_AHEAD = timedelta(days=366)
_EXPECTED_BONUS, _AHEAD_BONUS = 0.06, 0.02
"""Added for the order only, never to a relevance."""

_SCRATCH = """
CREATE VIRTUAL TABLE temp.asked USING fts5 (word, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE temp.asked_stems USING fts5vocab (temp, asked, instance);
"""
_COLUMNS = "id, kind, starts_at, ends_at, length(body)"
_PROPOSED = f"""
SELECT {_COLUMNS}
FROM (SELECT rowid AS found, {RANK} AS score FROM records_fts WHERE records_fts MATCH ? ORDER BY score LIMIT ?)
JOIN records ON records.id = found ORDER BY score
"""
_HAPPENING = f"""
SELECT {_COLUMNS} FROM records
WHERE kind = 'event' AND starts_at >= ? AND starts_at < ? AND max(starts_at, coalesce(ends_at - 1, starts_at)) >= ?
ORDER BY starts_at LIMIT ?
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
class Hit:
    """A record's id and its relevance, 0 to 1."""

    record_id: int
    relevance: float


def prepare(connection: sqlite3.Connection) -> None:
    """Give a new connection the scratch table that stems a question's words exactly as the index stems a record's."""
    connection.executescript(_SCRATCH)


def find(connection: sqlite3.Connection, text: str, *, limit: int, now: datetime) -> list[Hit]:
    """The records that matter for the question `text`, best first; none where nothing fits."""
    question = read(text, now)
    total = _scalar(connection, "SELECT count(*) FROM records")
    if not total or (not question.terms and question.window is None):
        return []
    words = _look_up(connection, [*(term.word for term in question.terms), *question.window_words], total)
    candidates = _proposed(connection, question, words, now)
    _note_words(connection, question, words, candidates)
    _note_nature(question, candidates)
    weights = _weights(connection, question, words, total)
    somebody = names_somebody(candidate.match for candidate in candidates.values())
    scored = [(relevance(question, weights, c.match, somebody=somebody), c) for c in candidates.values()]
    floor = max(FLOOR, _BEST_SHARE * max((score for score, _ in scored), default=0.0))
    kept = [(score, candidate) for score, candidate in scored if score >= floor]
    kept.sort(key=lambda entry: _order(question, *entry, now=int(now.timestamp())))
    return [Hit(candidate.record_id, score) for score, candidate in kept[:limit]]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the question, as the index knows it."""

    text: str
    stem: str
    holding: int
    """How many records have it."""
    common: bool


@dataclass(slots=True)
class _Candidate:
    """A record that might matter."""

    record_id: int
    kind: str
    starts_at: int | None
    ends_at: int | None
    match: Match

    def within(self, window: Window) -> bool:
        """Whether it happens, in part at least, in the window."""
        if self.starts_at is None:
            return False
        last = self.starts_at if self.ends_at is None else max(self.starts_at, self.ends_at - 1)
        return int(window.start.timestamp()) <= last and self.starts_at < int(window.end.timestamp())


def _look_up(connection: sqlite3.Connection, texts: Sequence[str], total: int) -> list[_Word]:
    """Stem each word with the index's own tokenizer, and count its records."""
    connection.execute("BEGIN")  # of the scratch table only, which a rollback empties again
    try:
        connection.executemany("INSERT INTO temp.asked (rowid, word) VALUES (?, ?)", enumerate(texts))
        stems: dict[int, list[str]] = defaultdict(list)
        for number, stem in connection.execute("SELECT doc, term FROM temp.asked_stems ORDER BY doc, offset"):
            stems[number].append(stem)
    finally:
        connection.execute("ROLLBACK")
    limit = max(_COMMON_RECORDS, _COMMON_SHARE * total)
    holding = [_holding(connection, stems[number]) for number in range(len(texts))]
    return [_Word(text, next(iter(stems[n]), ""), holding[n], holding[n] > limit) for n, text in enumerate(texts)]


def _holding(connection: sqlite3.Connection, stems: Sequence[str]) -> int:
    """How many records have the rarest of these stems."""
    counts = [_scalar(connection, "SELECT doc FROM records_words WHERE term = ?", stem) for stem in stems]
    return min(counts, default=0)


def _proposed(
    connection: sqlite3.Connection, question: Question, words: Sequence[_Word], now: datetime
) -> dict[int, _Candidate]:
    """Records worth judging: what the index ranks highest, and what the calendar says."""
    rows: list[tuple[int, str, int | None, int | None, int]] = []
    present = [word for word in words if word.holding]
    rare = [word for word in present if not word.common] or sorted(present, key=_by_holding)[:2]
    if rare:
        rows += connection.execute(_PROPOSED, (" OR ".join(f'"{word.text}"' for word in rare), _CANDIDATES))
    if question.window is not None or all("event" in term.kinds for term in question.terms):
        start = question.window.start if question.window else now
        end = question.window.end if question.window else now + _AHEAD
        bounds = (int(moment.timestamp()) for moment in (start - _LONGEST_EVENT, end, start))
        rows += connection.execute(_HAPPENING, (*bounds, _CANDIDATES))
    return {row[0]: _Candidate(*row[:4], Match(body_characters=row[4])) for row in rows}


def _note_words(
    connection: sqlite3.Connection, question: Question, words: Sequence[_Word], candidates: dict[int, _Candidate]
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


def _places(connection: sqlite3.Connection, word: _Word, ids: str) -> Iterator[tuple[int, str, int]]:
    """Record, column and offset of the word's places in the records `ids`, a JSON list."""
    if not word.common:
        yield from connection.execute(_PLACES, (word.stem, ids))
        return
    for column in (TITLE, PEOPLE):
        for (record_id,) in connection.execute(_HAVING, (f'{column} : "{word.text}"', ids)):
            yield record_id, column, 0


def _note_nature(question: Question, candidates: dict[int, _Candidate]) -> None:
    """Note what each candidate covers by its kind and by its time, and whether it is what the question expects."""
    for candidate in candidates.values():
        candidate.match.expected = candidate.kind in question.expects
        by_nature = candidate.match.by_nature
        by_nature.update(n for n, term in enumerate(question.terms) if candidate.kind in term.kinds)
        if question.window is not None and candidate.within(question.window):
            by_nature.add(len(question.terms))


def _weights(connection: sqlite3.Connection, question: Question, words: Sequence[_Word], total: int) -> list[float]:
    """The rarity of each term, and last of the window of time."""
    weights = [rarity(total, word.holding) for word in words[: len(question.terms)]]
    if question.window is not None:
        bounds = (int(question.window.start.timestamp()), int(question.window.end.timestamp()))
        inside = _scalar(connection, "SELECT count(*) FROM records WHERE starts_at >= ? AND starts_at < ?", *bounds)
        weights.append(rarity(total, inside))
    return weights


def _order(question: Question, score: float, candidate: _Candidate, *, now: int) -> tuple[float, int]:
    """Sort key: the most relevant first; among near equals what the question expects, and of that the next to come."""
    expected = candidate.match.expected
    score = round(score + (_EXPECTED_BONUS if expected else 0.0), 3)
    starts_at = candidate.starts_at
    if starts_at is None or not (expected or question.window):
        return -score, 0
    return -score - (_AHEAD_BONUS if starts_at >= now else 0.0), starts_at


def _by_holding(word: _Word) -> int:
    return word.holding


def _scalar(connection: sqlite3.Connection, sql: str, *values: object) -> int:
    row = connection.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
