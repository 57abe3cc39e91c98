"""The tables of the egress log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.database import Schema

if TYPE_CHECKING:
    import sqlite_utils


def create_chain(db: sqlite_utils.Database) -> None:
    """One row an entry, and apart from it the bytes of what was sent: those can be removed, and the chain holds."""
    db.execute("CREATE TABLE chain (number INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL) STRICT")
    db.execute("CREATE TABLE contents (number INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT")
    db.execute("CREATE INDEX chain_by_decision ON chain (json_extract(entry, '$.decision_id'))")
    db.execute("CREATE INDEX chain_by_call ON chain (json_extract(entry, '$.of'))")


def create_consents(db: sqlite_utils.Database) -> None:
    """What the user said once and for all of texts with a label to a destination."""
    db.execute("""
        CREATE TABLE consents (
            label TEXT NOT NULL,
            destination TEXT NOT NULL,
            allowed INTEGER NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (label, destination)
        ) STRICT
    """)


SCHEMA: Final = Schema("egress log", (create_chain, create_consents))
