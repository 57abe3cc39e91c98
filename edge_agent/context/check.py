"""Whether a store is whole: what SQLite and its full-text index say of the file, and what must hold of our records."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.context import items, salvage
from edge_agent.context.schema import SCHEMA
from edge_agent.database import FAILURES, Database, is_damage
from edge_agent.driver import Encryption
from orchestrator.errors import StoreCorrupt

_SHOWN_IDS: Final = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    part: str
    """Of the store: `file`, `pages`, `records`, `words`, `vectors`, or a table."""
    text: str
    """In plain words; nothing that was stored is quoted."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What a check found."""

    path: Path
    records: int
    """That can be read."""
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults

    @property
    def said(self) -> str:
        """The first fault, and how many more there are, within a sentence."""
        more = f", and {len(self.faults) - 1} more" if self.faults[1:] else ""
        return self.faults[0].text.rstrip(".") + more if self.faults else "nothing is wrong"


@dataclass(frozen=True, slots=True)
class Belonging:
    """Rows of one table that belong to rows of another."""

    table: str
    orphaned: str
    """True of a row whose other one is gone; in SQL."""
    what: str


BELONGINGS: Final = (
    Belonging("vectors", "record_id NOT IN (SELECT id FROM records)", "Vectors that belong to no record"),
    Belonging("codes", "id NOT IN (SELECT id FROM vectors)", "codes belong to no vector"),
    Belonging("codes", "id NOT IN (SELECT id FROM vectors)", "Forms of vectors that belong to none"),
    Belonging("unembedded", "record_id NOT IN (SELECT id FROM records)", "Waiting for vectors, and no records"),
    Belonging(
        "conversations", "thread NOT IN (SELECT thread FROM records)", "Names of conversations that are not there"
    ),
    Belonging("aliases", "record_id NOT IN (SELECT id FROM records)", "Names of people that belong to no record"),
    Belonging("clue_records", "record_id NOT IN (SELECT id FROM records)", "Clues that belong to no record"),
    Belonging("clues", "id NOT IN (SELECT clue_id FROM clue_records)", "Clues that no record tells"),
    Belonging("source_items", "key NOT IN (SELECT key FROM records)", "Entries of sources that belong to no record"),
    Belonging(
        "source_items", "source_id NOT IN (SELECT id FROM sources)", "Entries of sources that belong to no source"
    ),
)
"""What goes with something else."""


def check(path: Path, encryption: Encryption | None = None) -> Checkup:
    """Look through a whole store and change nothing. Others may read it meanwhile; who writes may have to wait.

    A store of an older version is looked at as it is.

    Raises:
        StoreLocked: it is encrypted, and its key cannot be had.
        StoreUnavailable: there is none, it is in use for too long, read-only, or written by a newer version.
    """
    encryption = encryption and encryption.asked_once()
    try:
        with _opened(path, encryption) as database:
            if not database.steps():
                return Checkup(path, 0, ())
            records, unreadable = _records(database)
        return Checkup(path, records, (*_faults(path, encryption), *unreadable))
    except StoreCorrupt as error:
        return Checkup(path, 0, (Fault("file", f"{error.message}."),))


@contextmanager
def _opened(path: Path, encryption: Encryption | None) -> Iterator[Database]:
    database = Database(path, SCHEMA, encryption=encryption, as_is=True)
    try:
        yield database
    finally:
        database.close()


def _faults(path: Path, encryption: Encryption | None) -> Iterator[Fault]:
    """Each look has a connection of its own: one of SQLCipher's that has met a damaged page is of no use any more."""
    looks: dict[str, Callable[[sqlite3.Connection], Iterator[Fault]]] = {
        "pages": _pages,
        "words": _words,
        "belongings": _belongings,
        "vectors": _vectors,
        "list of records without vectors": _waiting,
    }
    for part, look in looks.items():
        try:
            with _opened(path, encryption) as database, database.lend() as db:
                yield from look(db.conn)
        except StoreCorrupt:
            yield Fault(part, f"The {part} cannot be looked through: pages are damaged.")


def _pages(connection: sqlite3.Connection) -> Iterator[Fault]:
    """SQLite's own check of trees, indexes and constraints; and SQLCipher's of the signatures of all pages."""
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        yield Fault("pages", f"SQLite finds damage in {_places(len(found))}, first: {' '.join(found[0].split())}.")
    elif unsigned := connection.execute("PRAGMA cipher_integrity_check").fetchall():  # of a plain file there are none
        yield Fault(
            "pages", f"Pages of which the signature is wrong, and nothing is stored on them: {len(unsigned):,}."
        )


def _words(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Whether the full-text index has the words of the records, and no others."""
    try:
        connection.execute("INSERT INTO records_fts (records_fts, rank) VALUES ('integrity-check', 1)")
    except FAILURES as error:
        if not is_damage(error):
            raise
        yield Fault("words", "The index of words differs from the records: searching misses some of them.")


def _belongings(connection: sqlite3.Connection) -> Iterator[Fault]:
    present = salvage.tables(connection)
    for rule in (rule for rule in BELONGINGS if rule.table in present):
        (count,) = connection.execute(f"SELECT count(*) FROM {rule.table} WHERE {rule.orphaned}").fetchone()
        if count:
            yield Fault(rule.table, f"{rule.what}: {count:,}.")
    ruled = {rule.table for rule in BELONGINGS}
    strays = Counter(row[0] for row in connection.execute("PRAGMA foreign_key_check") if row[0] not in ruled)
    for table, count in strays.items():
        yield Fault(table, f"Rows of {table} that belong to nothing: {count:,}.")


def _vectors(connection: sqlite3.Connection) -> Iterator[Fault]:
    if not salvage.tables(connection).get("codes"):
        return  # of an older version: they are looked at once they are brought up to date
    from edge_agent.context import vectors  # numpy

    if torn := vectors.torn(connection):
        yield Fault("vectors", f"Vectors of which the two forms do not agree: {len(torn):,}.")


def _waiting(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Whether each record has vectors of the wanted model, or awaits them."""
    if "unembedded" not in salvage.tables(connection):
        return
    from edge_agent.context import reembedding

    if count := reembedding.count_forgotten(connection):
        yield Fault(
            "unembedded", f"Records that have no vectors and await none: {count:,}. They are not found by meaning."
        )


def _records(database: Database) -> tuple[int, list[Fault]]:
    """How many records can be read, and which cannot."""
    sound, broken = 0, []
    for record_id, row in salvage.rows(database, "records"):
        if row is not None and items.is_sound(row):
            sound += 1
        else:
            broken.append(record_id)
    if not broken:
        return sound, []
    shown = ", ".join(map(str, broken[:_SHOWN_IDS])) + (", …" if len(broken) > _SHOWN_IDS else "")
    return sound, [Fault("records", f"Records that cannot be read: {len(broken):,}, with the ids {shown}.")]


def _places(count: int) -> str:
    return "one place" if count == 1 else f"{count:,} places"
