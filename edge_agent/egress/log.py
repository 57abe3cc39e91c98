"""The egress log: everything that left this device, in a SQLite file of its own.

It is written, and on the disk, before the bytes leave: a crash in between leaves an entry of something that never left,
and never the reverse. What was sent is kept word for word, encrypted where the context store is, until it is forgotten
or too old. `chain` says how changes show.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from edge_agent.database import Database, clean, cut_log, patience
from edge_agent.egress.chain import NOTHING_BEFORE, Head, Link, Verdict, canonical, digest_of, hash_of, verify
from edge_agent.egress.consent import Consents
from edge_agent.egress.entry import Call, Cause, Departure
from edge_agent.egress.schema import SCHEMA
from orchestrator.client.witness import Outcome
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.ports import Clock

if TYPE_CHECKING:
    import sqlite_utils

    from edge_agent.driver import Encryption

_SALT_BYTES: Final = 16
_PAGE: Final = 200
_MOMENT_MS: Final = 1000
_BETWEEN_PRUNINGS: Final = timedelta(days=1)
_CALLS: Final = """
    SELECT sent.number, sent.entry, sent.hash, contents.body,
        (SELECT ended.entry FROM chain AS ended WHERE json_extract(ended.entry, '$.of') = sent.number)
    FROM chain AS sent LEFT JOIN contents USING (number)
    WHERE json_extract(sent.entry, '$.kind') = 'sent'
"""
_HELD: Final = """
    SELECT number FROM contents JOIN chain USING (number)
    WHERE json_extract(entry, '$.conversation') IN (SELECT value FROM json_each(:threads))
    OR EXISTS (
        SELECT 1 FROM json_each(entry, '$.record_ids') WHERE value IN (SELECT value FROM json_each(:ids))
    )
"""


class Heads(Protocol):
    """Keeps the newest entry's hash somewhere else, so that a log that was cut off shows."""

    def egress_head(self) -> Head | None:
        """What was kept last."""
        ...

    def keep_egress_head(self, head: Head, *, instead_of: Head | None) -> None:
        """Keep a newer one, if nothing newer than `instead_of` is kept by now."""
        ...

    def replace_egress_head(self, head: Head) -> None:
        """Keep this one, whatever was kept."""
        ...


class EgressLog:
    """What left this device. Any number of threads and processes may use one file."""

    def __init__(
        self, database: Database, clock: Clock, *, heads: Heads | None = None, keep_days: float | None = None
    ) -> None:
        """Args:
        heads: keeps the head elsewhere.
        keep_days: entries older than that are removed; None keeps them for ever.
        """
        self._database = database
        self._clock = clock
        self._heads = heads
        self.consents = Consents(database, clock)
        """What the user allowed or refused once and for all."""
        self._keep = None if keep_days is None else timedelta(days=keep_days)

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        encryption: Encryption | None = None,
        heads: Heads | None = None,
        keep_days: float | None = None,
    ) -> Self:
        """Open the log at `path`; an empty one is made where there is none. What was to be wiped from its files is.

        Raises:
            StoreError: the file cannot be used; see `Database`.
        """
        database = Database(path, SCHEMA, encryption=encryption, prepare=_prepare)
        log = cls(database, clock, heads=heads, keep_days=keep_days)
        try:
            log._cut_log()
        except BaseException:
            log.close()
            raise
        return log

    def sent(self, departure: Departure) -> int:
        """Write down a call that is about to be made; its number. Once this returns, it is on the disk.

        Raises:
            StoreError: it cannot be written, so nothing may leave.
        """
        salt, cause = os.urandom(_SALT_BYTES), departure.cause
        entry: dict[str, Any] = {
            "kind": "sent",
            "target": departure.target,
            "method": departure.method,
            "bytes": len(departure.body),
            "digest": digest_of(salt, departure.body),
            "metadata": [list(pair) for pair in departure.metadata],
            "attempts": departure.attempts,
            "conversation": departure.conversation,
            "kept": departure.kept,
        }
        if cause is not None:
            entry |= {
                "decision_id": cause.decision_id,
                "request_id": cause.request_id,
                "rule": cause.rule,
                "record_ids": list(cause.record_ids),
                "redactions": dict(cause.redactions),
            }
        with self._database.write() as db:
            if cause is not None:
                entry["attempt"] = 1 + _count(db, cause.decision_id)
            self._prune(db)
            before, head = self._append(db, entry)
            if departure.kept and departure.body:
                db.execute("INSERT INTO contents VALUES (?, ?, ?)", [head.number, salt, departure.body])
        self._keep_head(before, head)
        return head.number

    def ended(self, number: int, outcome: Outcome, error_type: str = "") -> None:
        """Write down how a call ended. The disk is not waited for.

        Raises:
            StoreError: it cannot be written.
        """
        entry = {"kind": "ended", "of": number, "outcome": outcome.value, "error_type": error_type}
        with self._database.write(durable=False) as db:
            before, head = self._append(db, entry)
        self._keep_head(before, head)

    def forget(self, *, record_ids: Iterable[int] = (), conversations: Iterable[str] = ()) -> int:
        """Remove what was sent with any of the records, or in any of the conversations; of how many calls.

        The entries stay, with their ids and figures, and say that their content was removed.

        Raises:
            StoreError: the file cannot be written; nothing was removed.
        """
        given = {"ids": json.dumps(list(record_ids)), "threads": json.dumps(list(filter(None, conversations)))}
        return self._blank(_HELD, given)

    def forget_all(self) -> int:
        """Remove the content of every call; of how many.

        Raises:
            StoreError: the file cannot be written; nothing was removed.
        """
        return self._blank("SELECT number FROM contents", {})

    def held_record_ids(self) -> set[int]:
        """The records in what was sent, as far as that is still kept.

        Raises:
            StoreError: the file cannot be read.
        """
        sql = "SELECT DISTINCT value FROM contents JOIN chain USING (number), json_each(entry, '$.record_ids')"
        with self._database.lend() as db:
            return {row[0] for row in db.execute(sql)}

    def calls(self, *, limit: int = -1, since: datetime | None = None) -> list[Call]:
        """The latest calls, newest first.

        Raises:
            StoreError: the file cannot be read.
        """
        sql = f"{_CALLS} AND json_extract(sent.entry, '$.at') >= ? ORDER BY number DESC LIMIT ?"
        with self._database.lend() as db:
            rows = db.execute(sql, [_in_words(since) if since else "", limit]).fetchall()
        return [_call(*row) for row in rows]

    def call(self, number: int) -> Call:
        """The call with this number.

        Raises:
            RecordNotFound: there is none; names the nearest ones.
            StoreError: the file cannot be read.
        """
        with self._database.lend() as db:
            row = db.execute(f"{_CALLS} AND number = ?", [number]).fetchone()
        if row is None:
            raise self._not_found(number)
        return _call(*row)

    def of_decision(self, decision_id: str) -> list[Call]:
        """The calls that were made for a decision, in order.

        Raises:
            StoreError: the file cannot be read.
        """
        sql = f"{_CALLS} AND json_extract(sent.entry, '$.decision_id') = ? ORDER BY number"
        with self._database.lend() as db:
            return [_call(*row) for row in db.execute(sql, [decision_id]).fetchall()]

    def links(self) -> Iterator[Link]:
        """The whole chain, in order, with what is kept of what was sent.

        Raises:
            StoreError: the file cannot be read.
        """
        sql = """
            SELECT number, entry, hash, salt, body FROM chain LEFT JOIN contents USING (number)
            WHERE number > ? ORDER BY number LIMIT ?
        """
        last = -1
        while True:
            with self._database.lend() as db:
                rows = db.execute(sql, [last, _PAGE]).fetchall()
            if not rows:
                return
            yield from (Link(*row) for row in rows)
            last = rows[-1][0]

    def verify(self, heads: Iterable[Head] = ()) -> Verdict:
        """Whether every entry is as it was written, and none is missing.

        Args:
            heads: beside the one that is kept, those that the user wrote down.

        Raises:
            StoreError: the file cannot be read.
        """
        # The head first: what comes in meanwhile is newer than it, and no fault.
        known = self._heads.egress_head() if self._heads else None
        return verify(self.links(), [*heads, *([known] if known else [])])

    def begin_anew(self) -> None:
        """Accept that the log whose head is kept elsewhere is gone; an entry says so. Nothing where it is not gone.

        Raises:
            InvalidRequest: this log itself is not as it was written.
            StoreError: the file cannot be read or written.
        """
        known = self._heads.egress_head() if self._heads else None
        alone = verify(self.links())
        if alone.broken_at is not None:
            raise InvalidRequest(
                f"the egress log was changed at entry {alone.broken_at}",
                remedy="`edgewise egress export` saves what is there; delete egress.db, and begin anew then",
            )
        if self._heads is None or known is None or verify(self.links(), [known]).broken_at is None:
            return
        with self._database.write() as db:
            _, head = self._append(db, {"kind": "begun", "through": known.number, "hash": known.hash})
        self._heads.replace_egress_head(head)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, db: sqlite_utils.Database, entry: Mapping[str, Any]) -> tuple[Head | None, Head]:
        """Put an entry at the end; the head before it, and the new one. Inside a write transaction."""
        row = db.execute("SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1").fetchone()
        before = Head(*row) if row else None
        number = before.number + 1 if before else 1
        text = canonical({**entry, "number": number, "at": _in_words(self._clock.now())})
        head = Head(number, hash_of(before.hash if before else NOTHING_BEFORE, text))
        db.execute("INSERT INTO chain VALUES (?, ?, ?)", [number, text, head.hash])
        return before, head

    def _keep_head(self, before: Head | None, head: Head) -> None:
        """Not before it is in the log: a head that is behind loses an entry's protection, one ahead accuses nobody."""
        if self._heads is None:
            return
        kept = self._heads.egress_head()
        if kept is None or kept == before or self._has(kept):
            self._heads.keep_egress_head(head, instead_of=kept)

    def _has(self, head: Head) -> bool:
        with self._database.lend() as db:
            row = db.execute("SELECT hash FROM chain WHERE number = ?", [head.number]).fetchone()
        return row is not None and row[0] == head.hash

    def _prune(self, db: sqlite_utils.Database) -> None:
        """Remove what is too old, about once a day, and say so; with the hash that the rest goes on from."""
        if self._keep is None:
            return
        oldest = db.execute("SELECT json_extract(entry, '$.at') FROM chain ORDER BY number LIMIT 1").fetchone()
        until = self._clock.now() - self._keep
        if oldest is None or oldest[0] >= _in_words(until - _BETWEEN_PRUNINGS):
            return
        first_kept = "SELECT min(number) FROM chain WHERE json_extract(entry, '$.at') >= ?"
        (kept,) = db.execute(first_kept, [_in_words(until)]).fetchone()
        last_of_all = (
            "SELECT number, hash FROM chain WHERE number < coalesce(?, number + 1) ORDER BY number DESC LIMIT 1"
        )
        through, its_hash = db.execute(last_of_all, [kept]).fetchone()
        self._append(db, {"kind": "pruned", "through": through, "hash": its_hash})
        db.execute("DELETE FROM contents WHERE number <= ?", [through])
        db.execute("DELETE FROM chain WHERE number <= ?", [through])

    def _blank(self, sql: str, given: dict[str, str]) -> int:
        with self._database.write() as db:
            numbers = sorted(row[0] for row in db.execute(sql, given))
            if numbers:
                before, head = self._append(db, {"kind": "blanked", "numbers": numbers})
                db.execute(
                    "DELETE FROM contents WHERE number IN (SELECT value FROM json_each(?))", [json.dumps(numbers)]
                )
        if numbers:
            self._keep_head(before, head)
            self._wipe()
        return len(numbers)

    def _wipe(self) -> None:
        """What was removed leaves the files; the write-ahead log, where somebody reads from it, at the next opening."""
        with (
            self._database.lend() as db,
            patience(db.conn, _MOMENT_MS),
            contextlib.suppress(sqlite3.OperationalError),
        ):
            clean(db.conn)

    def _cut_log(self) -> None:
        """What somebody's reading, or a kill, kept in the write-ahead log leaves it."""
        with self._database.lend() as db, patience(db.conn, 0):
            cut_log(db.conn)

    def _not_found(self, number: int) -> RecordNotFound:
        sql = "SELECT number FROM chain WHERE json_extract(entry, '$.kind') = 'sent' ORDER BY abs(number - ?) LIMIT 3"
        with self._database.lend() as db:
            near = sorted(row[0] for row in db.execute(sql, [number]))
        hint = f"did you mean {' or '.join(map(str, near))}? " if near else ""
        return RecordNotFound(
            f"the egress log has no call {number}", remedy=f"{hint}`edgewise egress list` shows the latest"
        )


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA temp_store = memory")  # writing the log anew puts nothing elsewhere on the disk


def _count(db: sqlite_utils.Database, decision_id: str) -> int:
    sql = "SELECT count(*) FROM chain WHERE json_extract(entry, '$.decision_id') = ?"
    return int(db.execute(sql, [decision_id]).fetchone()[0])


def _in_words(moment: datetime) -> str:
    """In UTC and always of the same length, so that text compares as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _call(number: int, text: str, its_hash: str, body: bytes | None, end: str | None) -> Call:
    entry: dict[str, Any] = json.loads(text)
    ended: dict[str, Any] = json.loads(end) if end else {}
    return Call(
        number=number,
        at=datetime.fromisoformat(entry["at"]),
        departure=Departure(
            target=entry["target"],
            method=entry["method"],
            body=body or b"",
            metadata=tuple((name, value) for name, value in entry["metadata"]),
            attempts=entry["attempts"],
            cause=_cause(entry) if "decision_id" in entry else None,
            conversation=entry["conversation"],
            kept=entry["kept"],
        ),
        size=entry["bytes"],
        hash=its_hash,
        attempt=entry.get("attempt", 0),
        outcome=Outcome(ended["outcome"]) if ended else None,
        error_type=ended.get("error_type", ""),
        ended_at=datetime.fromisoformat(ended["at"]) if ended else None,
    )


def _cause(entry: Mapping[str, Any]) -> Cause:
    return Cause(
        decision_id=entry["decision_id"],
        request_id=entry["request_id"],
        rule=entry["rule"],
        record_ids=tuple(entry["record_ids"]),
        redactions=entry["redactions"],
    )
