"""The journal: every decision, what it saw, and what came of it, so that it can be explained, replayed and learnt from;
and what other programs were given.

It holds ids, labels, numbers and reasons. The user's words are never in it: no question, no answer, no record (law 1).
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import msgspec

from edge_agent.database import Database, Schema
from edge_agent.egress.chain import Head
from orchestrator.clock import SystemClock
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.ports import Clock
from orchestrator.routing.feedback import Feedback, Sign
from orchestrator.routing.promise import Pledge
from orchestrator.routing.refusal import Refusal
from orchestrator.types import Answer, Decision, Request, Terms

if TYPE_CHECKING:
    import sqlite_utils


def create_journal(db: sqlite_utils.Database) -> None:
    """One row a request. `decision` is empty where no route was chosen; `situation`, where it did not come so far."""
    db.execute("""
        CREATE TABLE journal (
            sequence INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            at REAL NOT NULL,
            decision TEXT,
            situation TEXT,
            ended_at REAL,
            answer TEXT,
            error_type TEXT,
            error_message TEXT
        ) STRICT
    """)


def create_accesses(db: sqlite_utils.Database) -> None:
    """One row a time that another program was given records, or added one; what it asked for is not kept."""
    db.execute("""
        CREATE TABLE accesses (
            sequence INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            client TEXT NOT NULL,
            tool TEXT NOT NULL,
            record_ids TEXT NOT NULL,
            withheld INTEGER NOT NULL
        ) STRICT
    """)


def create_feedback(db: sqlite_utils.Database) -> None:
    """What users thought of answers, one row an answer."""
    db.execute("""
        CREATE TABLE feedback (
            decision_id TEXT PRIMARY KEY REFERENCES journal (id),
            at REAL NOT NULL,
            good INTEGER NOT NULL,
            sign TEXT NOT NULL
        ) STRICT
    """)


def create_learning(db: sqlite_utils.Database) -> None:
    """One row: what was learned from feedback, and from where on feedback counts."""
    db.execute("""
        CREATE TABLE learning (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            since INTEGER NOT NULL,
            learned TEXT
        ) STRICT
    """)
    db.execute("INSERT INTO learning (id, since) VALUES (1, 0)")


def create_egress_head(db: sqlite_utils.Database) -> None:
    """One row: the newest entry of the egress log, so that one from which it was cut off shows."""
    db.execute("""
        CREATE TABLE egress_head (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            number INTEGER NOT NULL,
            hash TEXT NOT NULL
        ) STRICT
    """)


def keep_refusals(db: sqlite_utils.Database) -> None:
    """In the place of a decision, where no route was left. Requests that were refused before have none."""
    db.execute("ALTER TABLE journal ADD COLUMN refusal TEXT")


SCHEMA: Final = Schema(
    "journal", (create_journal, create_accesses, create_feedback, create_learning, create_egress_head, keep_refusals)
)

_T = TypeVar("_T")
_STORED: Final = """
    SELECT id, journal.at, decision, refusal, situation, ended_at, answer, error_type, error_message,
           good, feedback.at, sign
    FROM journal LEFT JOIN feedback ON decision_id = id
"""
_RATE: Final = """
    INSERT INTO feedback (decision_id, at, good, sign) VALUES (?, ?, ?, ?)
    ON CONFLICT (decision_id) DO UPDATE SET at = excluded.at, good = excluded.good, sign = excluded.sign
    WHERE excluded.sign = ?
"""
_NEARBY: Final = 1000
"""How many of the latest ids are searched for the one that was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A request as the journal knows it."""

    id: str
    """The decision's id."""
    at: datetime
    """When it was decided, or refused."""
    decision: Decision | None
    """None where no route was chosen."""
    refusal: Refusal | None = None
    """Why no route was left, where that is so."""
    situation: dict[str, Any]
    """All that the choice or the refusal saw, as plain JSON values, for replay; empty where it did not come so far."""
    ended_at: datetime | None
    """None while it runs, or where its process died on the way."""
    answer: Answer | None
    """The receipt: the answer, its text left out."""
    error_type: str = ""
    error_message: str = ""
    feedback: Feedback | None = None
    """What its user thought of the answer, if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What another program on this device was given of the user's records."""

    at: datetime
    client: str
    """What it calls itself."""
    tool: str
    record_ids: tuple[int, ...]
    withheld: int
    """How many records fitted that it may not see."""


class Journal:
    """An `Observer` that writes to SQLite. Any number of threads and processes may use one file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None) -> Self:
        """Open the journal at `path`; an empty one is made where there is none.

        Raises:
            StoreError: the file cannot be used; see `Database`.
        """
        return cls(Database(path, SCHEMA), clock or SystemClock())

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        """Keep a decision and what it saw. Of the request, only its id is kept: `decision` has it.

        The disk is not waited for: `answered` or `failed` will, and a power cut before them loses the answer too.
        """
        self._saw("decision", decision, situation)

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        """Keep a refusal and what it saw, as `decided` does; `failed` waits for the disk."""
        self._saw("refusal", refusal, situation)

    def _saw(self, column: str, end: Decision | Refusal, situation: dict[str, object]) -> None:
        with self._database.write(durable=False) as db:
            db.execute(
                f"INSERT INTO journal (id, at, {column}, situation) VALUES (?, ?, ?, ?)",
                [end.id, self._now(), _dump(end), _dump(situation)],
            )

    def answered(self, decision: Decision, answer: Answer) -> None:
        """Keep the receipt. The first outcome of a request stands."""
        receipt = replace(answer, text="", egress=replace(answer.egress, asked=""))
        with self._database.write() as db:
            db.execute(
                "UPDATE journal SET ended_at = ?, answer = ? WHERE id = ? AND ended_at IS NULL",
                [self._now(), _dump(receipt), decision.id],
            )

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        """Keep the error, also of a request that was refused before it was decided. The first outcome stands."""
        now = self._now()
        with self._database.write() as db:
            db.execute(
                """
                INSERT INTO journal (id, at, ended_at, error_type, error_message) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    ended_at = excluded.ended_at,
                    error_type = excluded.error_type,
                    error_message = excluded.error_message
                WHERE ended_at IS NULL
                """,
                [decision_id, now, now, error_type, message],
            )

    def rate(self, decision_id: str, *, good: bool, sign: Sign = Sign.TOLD) -> None:
        """Keep what its user thought of an answer. What is told replaces what was known; other signs do not.

        Raises:
            InvalidRequest: the request came to no answer, so far or for good.
            RecordNotFound: there is no such decision; names the nearest ids.
        """
        with self._database.write() as db:
            row = db.execute("SELECT answer FROM journal WHERE id = ?", [decision_id]).fetchone()
            if row is not None and row[0] is not None:
                db.execute(_RATE, [decision_id, self._now(), int(good), sign.value, Sign.TOLD.value])
        if row is None:
            raise self._not_found(decision_id)
        if row[0] is None:
            raise InvalidRequest(
                f"decision {decision_id} has no answer that could be rated", remedy="rate one that was answered"
            )

    def learned(self) -> str | None:
        """What `learn` kept last; None where nothing was learned, or all of it is to be learned anew."""
        with self._database.lend() as db:
            return cast("str | None", db.execute("SELECT learned FROM learning").fetchone()[0])

    def learn(self, learn: Callable[[list[StoredDecision]], str], n: int) -> str:
        """Keep what `learn` makes of the latest `n` rated answers, given oldest first. One process at a time.

        Only decisions that a lesson went into are given, and only those since the last `unlearn`.
        """
        sql = (
            f"{_STORED} WHERE sign IS NOT NULL AND sequence > ? AND instr(situation, ?) ORDER BY sequence DESC LIMIT ?"
        )
        with self._database.write() as db:
            since = db.execute("SELECT since FROM learning").fetchone()[0]
            rows = db.execute(sql, [since, '"lesson":{', n]).fetchall()
            learned = learn([_stored(row) for row in reversed(rows)])
            db.execute("UPDATE learning SET learned = ?", [learned])
        return learned

    def unlearn(self) -> None:
        """Forget what was learned: only what is decided from now on counts. Feedback stays with its decisions."""
        with self._database.write() as db:
            db.execute("UPDATE learning SET learned = NULL, since = (SELECT coalesce(max(sequence), 0) FROM journal)")

    def accessed(self, client: str, tool: str, record_ids: Sequence[int], *, withheld: int) -> None:
        """Keep what another program is about to be given; once this returns, it is on the disk."""
        with self._database.write() as db:
            db.execute(
                "INSERT INTO accesses (at, client, tool, record_ids, withheld) VALUES (?, ?, ?, ?, ?)",
                [self._now(), client, tool, json.dumps(list(record_ids)), withheld],
            )

    def accesses(self, n: int) -> list[Access]:
        """The latest `n` accesses of other programs, newest first."""
        sql = "SELECT at, client, tool, record_ids, withheld FROM accesses ORDER BY sequence DESC LIMIT ?"
        with self._database.lend() as db:
            rows = db.execute(sql, [n]).fetchall()
        return [
            Access(
                at=datetime.fromtimestamp(at, UTC),
                client=client,
                tool=tool,
                record_ids=tuple(json.loads(record_ids)),
                withheld=withheld,
            )
            for at, client, tool, record_ids, withheld in rows
        ]

    def egress_head(self) -> Head | None:
        """The newest entry of the egress log, as far as it was kept here; see `egress.log.Heads`."""
        with self._database.lend() as db:
            row = db.execute("SELECT number, hash FROM egress_head").fetchone()
        return Head(*row) if row else None

    def replace_egress_head(self, head: Head) -> None:
        """Keep this one, whatever was kept: the user accepted that the log before it is gone."""
        with self._database.write() as db:
            db.execute("INSERT OR REPLACE INTO egress_head VALUES (1, ?, ?)", [head.number, head.hash])

    def keep_egress_head(self, head: Head, *, instead_of: Head | None) -> None:
        """Keep a newer one, unless another process was quicker. The disk is not waited for."""
        number = instead_of.number if instead_of else 0
        with self._database.write(durable=False) as db:
            db.execute(
                """
                INSERT INTO egress_head VALUES (1, ?, ?)
                ON CONFLICT (id) DO UPDATE SET number = excluded.number, hash = excluded.hash
                WHERE number = ? AND excluded.number > number
                """,
                [head.number, head.hash, number],
            )

    def decision(self, decision_id: str) -> StoredDecision:
        """The decision with this id, and what came of it.

        Raises:
            RecordNotFound: there is none; names the nearest ids.
        """
        with self._database.lend() as db:
            row = db.execute(f"{_STORED} WHERE id = ?", [decision_id]).fetchone()
        if row is None:
            raise self._not_found(decision_id)
        return _stored(row)

    def recent(self, n: int) -> list[StoredDecision]:
        """The latest `n` requests, newest first."""
        with self._database.lend() as db:
            rows = db.execute(f"{_STORED} ORDER BY sequence DESC LIMIT ?", [n]).fetchall()
        return [_stored(row) for row in rows]

    def latest_answered(self) -> str | None:
        """The id of the latest decision that came to an answer; None where there is none."""
        with self._database.lend() as db:
            row = db.execute(
                "SELECT id FROM journal WHERE answer IS NOT NULL ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
        return row[0] if row else None

    def since(self, moment: datetime | None = None) -> list[StoredDecision]:
        """All requests from `moment` on, or all there are, oldest first."""
        sql = f"{_STORED} WHERE journal.at >= ? ORDER BY sequence"
        with self._database.lend() as db:
            rows = db.execute(sql, [moment.timestamp() if moment else -math.inf]).fetchall()
        return [_stored(row) for row in rows]

    def outcomes(self, n: int) -> list[Answer]:
        """Receipts of the latest `n` answers, oldest first, to learn from as if they were given again."""
        with self._database.lend() as db:
            rows = db.execute(
                "SELECT answer FROM journal WHERE answer IS NOT NULL ORDER BY sequence DESC LIMIT ?", [n]
            ).fetchall()
        return [_load(Answer, receipt) for (receipt,) in reversed(rows)]

    def last_terms(self) -> Terms | None:
        """The terms of the cloud as the latest decision saw them; None where none ever did."""
        sql = """
            SELECT json_extract(situation, '$.cloud.terms') FROM journal
            WHERE json_extract(situation, '$.cloud') IS NOT NULL ORDER BY sequence DESC LIMIT 1
        """
        with self._database.lend() as db:
            row = db.execute(sql).fetchone()
        return _load(Terms, row[0]) if row else None

    def pledges(self, n: int) -> list[Pledge]:
        """What the latest `n` decisions under a promise saw of it, oldest first, to go on watching from there."""
        sql = "SELECT situation FROM journal WHERE instr(situation, ?) ORDER BY sequence DESC LIMIT ?"
        with self._database.lend() as db:
            rows = db.execute(sql, ['"pledge":{', n]).fetchall()
        return [msgspec.convert(json.loads(situation)["pledge"], Pledge) for (situation,) in reversed(rows)]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _not_found(self, decision_id: str) -> RecordNotFound:
        with self._database.lend() as db:
            rows = db.execute("SELECT id FROM journal ORDER BY sequence DESC LIMIT ?", [_NEARBY]).fetchall()
        close = difflib.get_close_matches(decision_id, [known for (known,) in rows], n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        return RecordNotFound(
            f"the journal has no decision {decision_id!r}", remedy=f"{hint}`edgewise why` shows the latest"
        )


def _stored(row: Sequence[Any]) -> StoredDecision:
    decision_id, at, decision, refusal, situation, ended_at, answer, error_type, message, good, rated_at, sign = row
    return StoredDecision(
        id=decision_id,
        at=datetime.fromtimestamp(at, UTC),
        decision=_load(Decision, decision) if decision else None,
        refusal=_load(Refusal, refusal) if refusal else None,
        situation=json.loads(situation) if situation else {},
        ended_at=datetime.fromtimestamp(ended_at, UTC) if ended_at is not None else None,
        answer=_load(Answer, answer) if answer else None,
        error_type=error_type or "",
        error_message=message or "",
        feedback=Feedback(bool(good), datetime.fromtimestamp(rated_at, UTC), Sign(sign)) if sign else None,
    )


def _dump(value: object) -> str:
    """JSON by the standard library, which keeps an infinite bound; msgspec's own would write null."""
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def _load(kind: type[_T], text: str) -> _T:
    return msgspec.convert(json.loads(text), kind)
