"""A question's words, as the index of the records knows them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.context.people import Person, asked
from edge_agent.context.question import Question
from edge_agent.context.relevance import PEOPLE
from edge_agent.context.turns import UNASKED_IDS

_COMMON_SHARE: Final = 0.1
_LEAST_COMMON, _MOST_COMMON = 1000, 3000
"""A word in more records than this share says, within these bounds, is common. To follow all its places in the index
would take longer than all else, so they are looked for in the candidates' texts instead (`places`)."""

_SCRATCH = """
CREATE VIRTUAL TABLE temp.asked USING fts5 (word, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE temp.asked_stems USING fts5vocab (temp, asked, instance);
"""
_RANGE = "SELECT coalesce((SELECT min(id) FROM records), 1), coalesce((SELECT max(id) FROM records), 0)"
_HOLDING = """
SELECT count(*), coalesce(max(rowid), 0)
FROM (SELECT rowid FROM records_fts WHERE records_fts MATCH :wanted AND {which} ORDER BY rowid LIMIT :limit)
"""
_OF_ALL, _BUT_TURNS = _HOLDING.format(which="true"), _HOLDING.format(which=f"+rowid NOT IN ({UNASKED_IDS})")
_TURNS = f"SELECT count(*) FROM ({UNASKED_IDS})"
_NAMED = "SELECT 1 FROM records_fts WHERE records_fts MATCH ? AND rowid <= ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question."""

    text: str
    stem: str
    holding: int
    """How many records have it; of a common word, about how many."""
    common: bool
    name: bool = False
    """It is part of the name of a person of the records."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The question's words, looked up."""

    total: int
    """Records in the store; those that were forgotten may be counted, too."""
    words: tuple[Word, ...]
    """Those of the question's terms, then those of its window of time."""
    names: frozenset[str]
    """The words that name a person of the records."""
    people: tuple[Person, ...] = ()
    """Those whom it means, of the contacts."""
    turns: int = 0
    """Turns of conversations with the agent that are in the store, and not among the records for this question."""

    @property
    def named(self) -> frozenset[int]:
        """The numbers of those words."""
        return frozenset(number for number, word in enumerate(self.words) if word.name)

    def names_person(self, person: str) -> bool:
        """Whether the question names this person, as a record has them."""
        if any(called.is_called(person) for called in self.people):
            return True
        words = frozenset(person.lower().split())
        # Anna Maier, as the contacts know her, is not every Anna.
        whole = frozenset[str]().union(*(called.words for called in self.people if len(called.words) > 1))
        return not words.isdisjoint(self.names - whole) or (bool(words) and words <= whole)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a new connection the scratch table that stems words exactly as the index stems a record's."""
    connection.executescript(_SCRATCH)


def look_up(connection: sqlite3.Connection, question: Question, *, conversation: str = "") -> Vocabulary:
    """Stem each word with the index's own tokenizer, count its records, and see whether it is a name.

    Turns of other conversations than this one are no records here, unless the question asks for them.
    """
    first, last = connection.execute(_RANGE).fetchone()
    (turns,) = (
        (0,) if question.of_conversation else connection.execute(_TURNS, {"conversation": conversation}).fetchone()
    )
    total = last - first + 1 - turns
    texts = [*(term.word for term in question.terms), *question.window_words]
    limit = int(min(max(_LEAST_COMMON, _COMMON_SHARE * total), _MOST_COMMON))
    counting = _BUT_TURNS if turns else _OF_ALL
    words = []
    for number, (text, stem) in enumerate(zip(texts, stems(connection, texts), strict=True)):
        wishes = {"wanted": f'"{text}"', "limit": limit + 1, "conversation": conversation}
        holding, seen = connection.execute(counting, wishes).fetchone() if stem else (0, 0)
        common = holding > limit
        # Those before the last one that was counted stand for the rest.
        about = holding * total // (seen - first + 1) if common else holding
        named = holding > 0 and number < len(question.terms) and _is_name(connection, text, seen)
        words.append(Word(text, stem, about, common, named))
    names = frozenset(word.text for word in words if word.name)
    return Vocabulary(total, tuple(words), names, asked(connection, question), turns)


def stems(connection: sqlite3.Connection, texts: Sequence[str]) -> list[str]:
    """The stem of each word; empty for one that the index does not take for a word."""
    connection.execute("BEGIN")  # of the scratch table only, which a rollback empties again
    try:
        connection.executemany("INSERT INTO temp.asked (rowid, word) VALUES (?, ?)", enumerate(texts))
        # Should the index see several words in one, the first stands for it: it comes last here.
        found = dict(connection.execute("SELECT doc, term FROM temp.asked_stems ORDER BY doc, offset DESC").fetchall())
    finally:
        connection.execute("ROLLBACK")
    return [found.get(number, "") for number in range(len(texts))]


def _is_name(connection: sqlite3.Connection, word: str, last: int) -> bool:
    """Whether a record that has the word, up to the one with the id `last`, has it in the name of a person."""
    return connection.execute(_NAMED, (f'{PEOPLE} : "{word}"', last)).fetchone() is not None


def quoted(words: Iterable[Word], joined: str) -> str:
    """Words as a query of the index."""
    return f" {joined} ".join(f'"{word.text}"' for word in words)
