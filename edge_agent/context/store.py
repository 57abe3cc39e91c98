"""The personal-context store: records in one SQLite file, found again in milliseconds."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from edge_agent.context import forgetting, items, marks, occurrences, putting, recall, sources, statistics, vocabulary
from edge_agent.context.check import check
from edge_agent.context.conversations import Conversations
from edge_agent.context.forgetting import Forgotten
from edge_agent.context.inheriting import hand_down
from edge_agent.context.items import Item
from edge_agent.context.labelling import Labelling, judge_of
from edge_agent.context.labels import Labels
from edge_agent.context.links import NO_LINKS, links_of
from edge_agent.context.preparing import Prepared, prepare
from edge_agent.context.schema import SCHEMA
from edge_agent.context.search import matching
from edge_agent.context.selection import Selection, Which, selected
from edge_agent.context.sources import Reading
from edge_agent.context.statistics import StoreStats
from edge_agent.context.turns import repeats
from edge_agent.database import Database
from orchestrator.errors import StoreError
from orchestrator.types import Recalled, Recollection, Record

if TYPE_CHECKING:
    import sqlite_utils

    from edge_agent.driver import Encryption
    from orchestrator.ports import Embedder

Seen = TypeVar("Seen")
_IDS = "(SELECT value FROM json_each(?))"
"""A JSON list of ids: any number of them, of any size."""
_EXPORT_PAGE = 500
_CACHE_KIB = 8192
"""Page cache of a connection: the whole index of 10,000 records fits."""
_CACHE_ENCRYPTED_KIB = 65_536
"""What falls out of it the system still holds in memory; but a page of an encrypted store has to be decrypted again."""


@dataclass(frozen=True, slots=True)
class PutCounts:
    """What became of the items of one `put`."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    forgotten: int = 0
    """Left out: the user forgot them."""

    def __add__(self, other: PutCounts) -> PutCounts:
        return PutCounts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class SqliteContextStore:
    """Records in a SQLite file; a `ContextStore` of `orchestrator.ports`.

    Any number of threads may share one object, and any number of processes one file.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        embedder: Embedder | None = None,
        labels: Labels | None = None,
        former: Callable[[str], Embedder | None] = lambda _: None,
        encryption: Encryption | None = None,
        busy_timeout_s: float = 10.0,
    ) -> None:
        """Open the store at `path`, and create it where there is none.

        Args:
            path: the database file.
            labels: the rules that give records their labels; by default the shipped ones.
            embedder: compares questions and records in meaning; without it, words, people and times alone count.
            former: opens another model by its name, if it is here: it compares until the embedder has done all records.
            encryption: how it is opened where it is encrypted.
            busy_timeout_s: how long to wait for another process's write, in seconds.

        Raises:
            StoreCorrupt: the file is damaged, or something else.
            StoreLocked: it is encrypted, and its key cannot be had; or it is not, and has to be.
            StoreUnavailable: it is in use, read-only, on a full disk, or from a newer version.
        """
        self.path = Path(path)
        self._database = Database(
            self.path,
            SCHEMA,
            encryption=encryption,
            busy_timeout_s=busy_timeout_s,
            prepare=_prepare,
            is_damaged=lambda: not check(self.path, encryption).sound,
        )
        self.encrypted = self._database.encrypted
        """Whether the file is."""
        self.labels = Labelling(self._database, labels or Labels())
        """What labels the records have, and why; here they are changed."""
        self.conversations = Conversations(self._database, self.labels.rules)
        """Those with the agent. Their turns are records like any others."""
        self._finish_wiping()
        self._meaning = self._embedding = None
        if embedder is not None:
            from edge_agent.context.embedding import Embedding  # numpy: a store without an embedder needs none
            from edge_agent.context.meaning import Meaning

            self._meaning = Meaning(embedder, former)
            self._embedding = Embedding(self._database, self._meaning)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Nothing is lost: what returned was committed."""
        self._database.close()

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        """The at most `limit` records that matter for `question`, best first; empty where nothing fits.

        Relevance is what `relevance` measures; nothing below `recall.FLOOR` comes back. A private record among them
        keeps the question on the device, so a question about the world must bring none. An event that repeats has the
        time of the occurrence that is asked for, or else of the next one.

        Args:
            question: any text.
            limit: how many at most.
            now: the present, with its zone: "tomorrow" is read from here.
            conversation: the thread in which it is asked. Turns of others come back where the user told something in
                them, or where the question is for what was said; of this one, whatever fits.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            found = recall.find(
                db.conn, question, limit=limit, now=now, meaning=self._meaning, conversation=conversation
            )
            return _recollection(db, found, but=question)

    def ranked(self, question: str, *, limit: int, now: datetime) -> Recollection:
        """The `limit` most relevant records, best first, however little they fit: for measuring the order of recall.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            found = recall.rank(db.conn, question, now=now, meaning=self._meaning)
            return _recollection(db, replace(found, hits=found.hits[:limit]))

    def embed_missing(self, *, limit: int = 64) -> int:
        """Give up to `limit` records their vectors; see `Embedding.embed_missing`. Without an embedder, 0."""
        return self._embedding.embed_missing(limit) if self._embedding else 0

    def count_missing(self) -> int:
        """How many records have no vector yet; 0 without an embedder.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._embedding.count_missing() if self._embedding else 0

    def load_vectors(self) -> None:
        """Read what closeness in meaning is searched in, so that the first question does not wait for it.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._embedding:
            self._embedding.load()

    def search(self, query: str, *, limit: int = 20) -> Sequence[Record]:
        """Records that have the words of `query`, best first: all of them, or else any; the last may be unfinished.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            ids = matching(db.conn, query, limit=limit)
            found = _by_id(db, ids)
        return [found[record_id] for record_id in ids if record_id in found]

    def add(self, record: Record | Item) -> int:
        """Keep a record under a new id, which is returned; its own `id` is ignored.

        A bare record gets at least its own sensitivity; an `Item` may come without one, or with the user's choice.

        Raises:
            InvalidRequest: it has no kind, or neither title nor body, or a time without a zone.
            StoreError: the store cannot be written.
        """
        item = Item(record) if isinstance(record, Record) else record
        prepared = prepare(item, self.labels.rules)
        with self._database.write() as db:
            return putting.add(db.conn, prepared, judge_of(db.conn, self.labels.rules))

    def put(
        self, batch: Iterable[Item | Prepared], *, reading: Reading | None = None, again: bool = False
    ) -> PutCounts:
        """Add or update items by their keys, all in one transaction. An equal item changes nothing.

        Args:
            batch: the items, as they came, or prepared by the rules of this store.
            reading: of the file that they come from; the file is remembered to hold them. They are safe from a power
                cut with its end: before, the file is read again anyway.
            again: bring back what was forgotten, too.

        Raises:
            InvalidRequest: an item cannot be a record; none of the batch is kept.
            StoreError: the store cannot be written; none of the batch is kept.
        """
        ready = [each if isinstance(each, Prepared) else prepare(each, self.labels.rules) for each in batch]
        keys = [each.item.key for each in ready]
        with self._database.write(durable=reading is None) as db:
            if again:
                marks.lift(db.conn, filter(None, keys))
            judge = judge_of(db.conn, self.labels.rules)
            put = putting.put(db.conn, ready, judge)
            if reading is not None:
                kept = (key for key, became in zip(keys, put.outcomes, strict=True) if became != "forgotten")
                sources.hold(db.conn, reading, filter(None, kept))
            hand_down(db, put.updated, judge)
        return PutCounts(**Counter(put.outcomes))

    def look(self, at: Callable[[sqlite3.Connection], Seen]) -> Seen:
        """What `at` finds with a connection of the store's; it must not write.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return at(db.conn)

    def known_items(self, path: Path, state: str) -> int | None:
        """How many items a file held when it was last read to its end, if it was in this `state` then; or else None.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return sources.known(db.conn, str(path), state)

    def begin_reading(self, path: Path) -> Reading:
        """A file is about to be read: `put` takes the result with each batch, and `end_reading` after the last.

        Raises:
            StoreError: the store cannot be written.
        """
        with self._database.write(durable=False) as db:
            return sources.begin(db.conn, str(path))

    def end_reading(self, reading: Reading, state: str, *, prune: bool) -> int:
        """A file was read to its end; how many records were removed that only this file held, and holds no more.

        Args:
            reading: from `begin_reading`.
            state: of the file, to be known by the next time.
            prune: whether to remove anything: not after a reading that found broken items.

        Raises:
            StoreError: the store cannot be written.
        """
        with self._database.write() as db:
            removed = sources.end(db.conn, reading, state, prune=prune)
            if removed:
                forgetting.merge_index(db.conn)
        if removed:
            self._wipe()
        return removed

    def drop_missing(self, folder: Path, present: Iterable[Path]) -> int:
        """Remove the records of files that were read below `folder` and are not `present`; how many there were.

        Raises:
            StoreError: the store cannot be written.
        """
        with self._database.write() as db:
            gone = sources.missing(db.conn, os.path.join(folder, ""), map(str, present))
            removed = sum(sources.drop(db.conn, path) for path in gone)
            if removed:
                forgetting.merge_index(db.conn)
        if removed:
            self._wipe()
        return removed

    def spread_repetitions(self, now: datetime, *, limit: int = 100) -> int:
        """Find out when up to `limit` events that repeat happen, as far as that is not known yet; how many, 0 for none.

        What was put is found at its further times only after this. As years go by, it is to be done again.

        Raises:
            StoreError: the store cannot be read or written.
        """
        with self._database.lend() as db:
            stale = occurrences.stale(db.conn, now, limit=limit)
        if stale:
            found = [(series, occurrences.times(series, now)) for series in stale]
            with self._database.write(durable=False) as db:
                occurrences.keep(db.conn, found, now)
        return len(stale)

    def get(self, record_id: int) -> Record:
        """The record with that id.

        Raises:
            RecordNotFound: there is none.
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            found = _by_id(db, [record_id])
        if record_id not in found:
            raise forgetting.not_found(record_id)
        return found[record_id]

    def list(self, *, limit: int | None = None, **which: Unpack[Which]) -> Sequence[Record]:
        """The records for which all of `which` holds, the newest id first; see `Selection`.

        Raises:
            InvalidRequest: something of `which` selects by nothing.
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            ids = selected(db.conn, Selection(**which), limit=limit)
            found = _by_id(db, ids)
        return [found[record_id] for record_id in ids if record_id in found]

    def to_forget(self, *record_ids: int, **which: Unpack[Which]) -> Sequence[Record]:
        """The records that `forget` of the same would remove, the newest id first.

        Raises:
            InvalidRequest, RecordNotFound, StoreError: as `forget`.
        """
        with self._database.lend() as db:
            ids = forgetting.meant(db.conn, record_ids, which)
            found = _by_id(db, ids)
        return [found[record_id] for record_id in ids if record_id in found]

    def forget(self, *record_ids: int, **which: Unpack[Which]) -> Forgotten:
        """Remove records from the files: those with the ids, or of them, or of all, those for which `which` holds.

        The answers that were made from them go along. What else was made of them is the caller's to drop; in other
        processes `withdrawals` tells.

        Raises:
            InvalidRequest: nothing is named.
            RecordNotFound: no record has one of the ids; nothing was removed.
            StoreError: the store cannot be written; nothing was removed.
        """
        with self._database.write() as db:
            ids = forgetting.meant(db.conn, record_ids, which)
            forgetting.remove(db.conn, ids)
        return Forgotten(len(ids), not ids or self._wipe())

    def forget_all(self) -> Forgotten:
        """Remove every record. Ids are not given again.

        Raises:
            StoreError: the store cannot be written; nothing was removed.
        """
        with self._database.write() as db:
            count = forgetting.remove_all(db.conn)
        return Forgotten(count, self._wipe())

    def withdrawals(self) -> int:
        """How often a record was removed or its label raised. When it has changed, what was made of them is to go.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return forgetting.withdrawals(db.conn)

    def export(self, **which: Unpack[Which]) -> Iterator[str]:
        """The records for which all of `which` holds, each as a line of JSON, the oldest id first.

        `import` of these lines gives the same records back.

        Raises:
            InvalidRequest: something of `which` selects by nothing.
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            ids = selected(db.conn, Selection(**which))[::-1]
        for start in range(0, len(ids), _EXPORT_PAGE):
            page = ids[start : start + _EXPORT_PAGE]
            with self._database.lend() as db:
                found, links = _items_by_id(db, page), links_of(db.conn, page)
            there = (record_id for record_id in page if record_id in found)
            yield from (items.to_json(replace(found[each], links=links.get(each, NO_LINKS))) for each in there)

    def stats(self) -> StoreStats:
        """Counts and size.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return statistics.gather(db, self.path, encrypted=self._database.encrypted)

    def _wipe(self) -> bool:
        """What was removed leaves the files. False: others read all the time, so that happens at the next opening."""
        with self._database.lend() as db:
            return forgetting.wipe(db.conn)

    def _finish_wiping(self) -> None:
        """What a killed process, a reader or another program kept from being wiped. It is no reason not to open."""
        with contextlib.suppress(StoreError), self._database.lend() as db:
            forgetting.finish(db.conn)


def _prepare(connection: sqlite3.Connection) -> None:
    """What each connection needs beyond the usual."""
    encrypted = connection.execute("PRAGMA cipher_version").fetchone() is not None
    connection.execute(f"PRAGMA cache_size = -{_CACHE_ENCRYPTED_KIB if encrypted else _CACHE_KIB}")
    connection.execute("PRAGMA temp_store = memory")  # the words of a question never reach the disk
    vocabulary.prepare(connection)


def _by_id(db: sqlite_utils.Database, ids: Sequence[int]) -> dict[int, Record]:
    return {record_id: item.record for record_id, item in _items_by_id(db, ids).items()}


def _items_by_id(db: sqlite_utils.Database, ids: Sequence[int]) -> dict[int, Item]:
    rows = db.query(f"SELECT * FROM records WHERE id IN {_IDS}", [json.dumps(ids)])
    return {row["id"]: items.from_row(row) for row in rows}


def _recollection(db: sqlite_utils.Database, found: recall.Found, *, but: str = "") -> Recollection:
    """What was found, with its records; one that was forgotten in between is left out, and the turn that says `but`."""
    records = _items_by_id(db, [hit.record_id for hit in found.hits])
    recalled = (
        Recalled(occurrences.told_of(item, hit.occurs_at), hit.relevance)
        for hit in found.hits
        if (item := records.get(hit.record_id)) is not None and not repeats(item.record, but)
    )
    return Recollection(tuple(recalled), found.confidence, found.personal)
