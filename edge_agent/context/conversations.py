"""Conversations with the agent, kept in the context store: every turn is a record of its own.

A turn is found, labelled, exported and forgotten as any record is. What only a conversation needs stands beside it: a
name, and what each answer was made from.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from edge_agent.context import forgetting, items, occurrences, putting
from edge_agent.context.items import Item
from edge_agent.context.labelling import judge_of
from edge_agent.context.labels import Given, Labels
from edge_agent.context.preparing import prepare
from edge_agent.context.question import read
from edge_agent.context.turns import ANSWERED, ASKED, THREADS, kind_of
from edge_agent.database import Database
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Message, Record, Sensitivity

if TYPE_CHECKING:
    import sqlite_utils

_SOURCE: Final = "conversation"
_TITLE_CHARACTERS: Final = 60
_OF_THREAD = "SELECT * FROM records WHERE thread = ? AND thread != '' ORDER BY position"
_LAST = "SELECT max(position) FROM records WHERE thread = ? AND thread != ''"
_LISTED = f"""
SELECT thread, coalesce(name, ''), sum(kind = '{ANSWERED}'), min(starts_at), max(starts_at), min(position),
    max(CASE sensitivity WHEN 'private' THEN 2 WHEN 'personal' THEN 1 ELSE 0 END)
FROM records LEFT JOIN conversations USING (thread)
WHERE thread >= '{THREADS}' AND thread < '{THREADS[:-1]}0' AND thread != '' AND starts_at IS NOT NULL
GROUP BY thread ORDER BY max(id) DESC
"""
_MADE_FROM = """
SELECT answers.record_id, answers.made_from, answer_records.record_id
FROM records JOIN answers ON answers.record_id = records.id LEFT JOIN answer_records ON answer_id = answers.record_id
WHERE thread = ? AND thread != '' ORDER BY answer_records.place
"""
_NAME = """
INSERT OR REPLACE INTO conversations SELECT thread, ? FROM records WHERE thread = ? AND thread != '' LIMIT 1
"""
_BY_ID = "SELECT * FROM records WHERE id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer."""

    question: str
    answer: str
    at: datetime
    """When it was asked, with a zone."""
    made_from: Sensitivity
    """The highest label of all that the answer was made from, the question and earlier turns included."""
    records: tuple[Record, ...] = ()
    """Those in its prompt, in their order there."""
    question_id: int | None = None
    answer_id: int | None = None

    @property
    def messages(self) -> tuple[Message, Message]:
        """The two turns, as a later prompt takes them. A record that became private since makes both so."""
        label = Sensitivity.highest([self.made_from, *(record.sensitivity for record in self.records)])
        return (
            Message("user", self.question, label, records=self.records, at=self.at, record_id=self.question_id),
            Message("assistant", self.answer, label, at=self.at, record_id=self.answer_id),
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a list of conversations says of one."""

    id: str
    name: str
    """As the user gave it; empty if they did not."""
    title: str
    """The name, or else how the conversation began."""
    exchanges: int
    begun: datetime
    last: datetime
    """When the last turn was added."""
    sensitivity: Sensitivity


class Conversations:
    """The conversations in a context store. Any number of threads may share one object."""

    def __init__(self, database: Database, labels: Labels) -> None:
        """`database` is a context store's, `labels` its rules."""
        self._database = database
        self._labels = labels

    def list(self) -> Sequence[Conversation]:
        """All of them, the one that was spoken in last first.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return [_listed(db.conn, row) for row in db.execute(_LISTED)]

    def find(self, known_as: str) -> Conversation | None:
        """The conversation with that id or name.

        Raises:
            StoreError: the store cannot be read.
        """
        found = self.list()
        by_name = (entry for entry in found if entry.name.casefold() == known_as.casefold() != "")
        return next((entry for entry in found if entry.id == known_as), None) or next(by_name, None)

    def get(self, known_as: str) -> Conversation:
        """The conversation with that id or name.

        Raises:
            RecordNotFound: there is none.
            StoreError: the store cannot be read.
        """
        if (found := self.find(known_as)) is None:
            raise RecordNotFound("no conversation has that id or name", remedy="`edgewise chat list` shows them")
        return found

    def ids(self, known_as: str) -> Sequence[int]:
        """The records that are the turns of a conversation, by its id or name: to be forgotten with it.

        Raises:
            RecordNotFound: there is none.
            StoreError: the store cannot be read.
        """
        return [turn.id for turn in self.turns(self.get(known_as).id) if turn.id is not None]

    def turns(self, conversation_id: str) -> Sequence[Record]:
        """Every turn that is there, in order; none for a conversation that has not begun.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return [items.from_row(row).record for row in db.query(_OF_THREAD, [THREADS + conversation_id])]

    def exchanges(self, conversation_id: str) -> Sequence[Exchange]:
        """Questions with their answers, in order. A turn without its other half, or without a time, is left out.

        Of an answer that was imported, its own label is all that is known.

        Raises:
            StoreError: the store cannot be read.
        """
        turns = {turn.position: turn for turn in self.turns(conversation_id)}
        pairs = [(turn, turns[at + 1]) for at, turn in turns.items() if at % 2 and at + 1 in turns and turn.time]
        with self._database.lend() as db:
            links = db.execute(_MADE_FROM, [THREADS + conversation_id]).fetchall()
            found = _items(db, [record_id for _, _, record_id in links if record_id is not None])
            labels = {answer_id: Sensitivity(label) for answer_id, label, _ in links}
            return [
                _exchange(
                    asked,
                    answered,
                    labels.get(answered.id, answered.sensitivity),
                    _told(db.conn, asked, [found[r] for a, _, r in links if a == answered.id and r in found]),
                )
                for asked, answered in pairs
            ]

    def told(self, ids: Sequence[int], *, question: str, at: datetime) -> Sequence[Record]:
        """The records with these ids, in this order, as a prompt tells of them that asks `question` `at` a moment.

        One that is there no more is left out; of one that repeats it is the occurrence that is meant.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            found = _items(db, ids)
            asked = Record(kind=ASKED, body=question, time=at)
            return _told(db.conn, asked, [found[record_id] for record_id in ids if record_id in found])

    def add(self, conversation_id: str, exchange: Exchange, *, prompt: Sequence[int] = (), name: str = "") -> None:
        """Keep a question and its answer, both or none, behind what is there.

        As records they are at least personal: what was said to one's own device becomes public by nobody's asking. A
        rule may raise the label of either, and then that of both.

        Args:
            conversation_id: a new one begins a conversation.
            exchange: what was said.
            prompt: ids of records and turns that it was answered from. If one was forgotten meanwhile, the answer may
                quote it, and nothing is kept.
            name: for a conversation that has none yet; one that is taken is not given.

        Raises:
            StoreError: the store cannot be written.
        """
        thread = THREADS + conversation_id
        with self._database.write() as db:
            if forgetting.missing(db.conn, prompt):
                return
            judge = judge_of(db.conn, self._labels)
            (last,) = db.execute(_LAST, [thread]).fetchone()
            position = -(-(last or 0) // 2) * 2 + 1
            texts = ((kind_of(exchange.question), exchange.question), (ANSWERED, exchange.answer))
            turns = [
                Record(kind=kind, body=text, time=exchange.at, source=_SOURCE, thread=thread, position=position + step)
                for step, (kind, text) in enumerate(texts)
            ]
            ruled = [judge.deciding(turn, Given()).label for turn in turns]
            label = Sensitivity.highest([exchange.made_from, Sensitivity.PERSONAL, *ruled])
            items_of = [Item(replace(turn, sensitivity=label)) for turn in turns]
            _, answer_id = [putting.add(db.conn, prepare(item, self._labels), judge) for item in items_of]
            db.execute("INSERT INTO answers VALUES (?, ?)", [answer_id, exchange.made_from.value])
            _link(db.conn, answer_id, exchange.records)
            if name:
                db.execute("INSERT OR IGNORE INTO conversations VALUES (?, ?)", [thread, name])

    def rename(self, conversation_id: str, name: str) -> None:
        """Give a conversation a name, in place of the one it has. One that has yet to begin gets it from `add`.

        Raises:
            InvalidRequest: the name is empty, or another conversation's.
            StoreError: the store cannot be written.
        """
        if not name.strip():
            raise InvalidRequest("a conversation's name is empty", remedy="give it a word or two")
        if (other := self.find(name.strip())) is not None and other.id != conversation_id:
            raise InvalidRequest("another conversation has that name or id", remedy="choose another name")
        with self._database.write() as db:
            db.execute(_NAME, [name.strip(), THREADS + conversation_id])


def _listed(connection: sqlite3.Connection, row: tuple[str, str, int, int, int, int, int]) -> Conversation:
    thread, name, exchanges, begun, last, first, rank = row
    (opening,) = connection.execute(
        "SELECT body FROM records WHERE thread = ? AND thread != '' AND position = ?", (thread, first)
    ).fetchone()
    opening = " ".join(opening.split())
    short = opening if len(opening) <= _TITLE_CHARACTERS else opening[: _TITLE_CHARACTERS - 1] + "…"
    return Conversation(
        id=thread.removeprefix(THREADS),
        name=name,
        title=name or short,
        exchanges=exchanges,
        begun=datetime.fromtimestamp(begun).astimezone(),
        last=datetime.fromtimestamp(last).astimezone(),
        sensitivity=list(Sensitivity)[rank],
    )


def _exchange(asked: Record, answered: Record, made_from: Sensitivity, records: Sequence[Record]) -> Exchange:
    """A turn that the user made private is private in its own conversation, too."""
    assert asked.time is not None, "a turn is stored with its time"
    private = Sensitivity.PRIVATE in (asked.sensitivity, answered.sensitivity)
    return Exchange(
        question=asked.body,
        answer=answered.body,
        at=asked.time,
        made_from=Sensitivity.PRIVATE if private else made_from,
        records=tuple(records),
        question_id=asked.id,
        answer_id=answered.id,
    )


def _items(db: sqlite_utils.Database, ids: Sequence[int]) -> dict[int, Item]:
    return {row["id"]: items.from_row(row) for row in db.query(_BY_ID, [json.dumps(list(ids))])}


def _told(connection: sqlite3.Connection, asked: Record, found: Sequence[Item]) -> Sequence[Record]:
    """Records as the prompt of a question told of them."""
    if asked.time is None or not any(item.recurrence for item in found):
        return [item.record for item in found]
    window = read(asked.body, asked.time).window
    ids = json.dumps([item.record.id for item in found])
    meant = occurrences.nearest(connection, ids, window.start if window else asked.time)
    return [occurrences.told_of(item, meant.get(item.record.id or 0, (None,))[0]) for item in found]


def _link(connection: sqlite3.Connection, answer_id: int, records: Sequence[Record]) -> None:
    """Note what an answer was made from; a record that was forgotten meanwhile is left out."""
    connection.executemany(
        "INSERT INTO answer_records SELECT ?, id, ? FROM records WHERE id = ?",
        ((answer_id, place, record.id) for place, record in enumerate(records)),
    )
