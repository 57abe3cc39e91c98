"""The ledger's rows in SQLite: every process of this device spends from the same windows.

What was spent is on the disk before `settle` returns. A reservation is not waited for: after a power cut nobody holds
it any more, and it would only expire.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from edge_agent.database import Database, Schema
from orchestrator.budget import Period, Resource, Window
from orchestrator.types import Spend

if TYPE_CHECKING:
    import sqlite_utils


def create_ledger(db: sqlite_utils.Database) -> None:
    """What is spent, in one row for each period; what is held, in rows that go when their reservation is settled.

    Reservations are few at any moment, so what is held is summed when asked: a running total would keep the rounding
    errors of every subtraction. `expired` rows hold nothing any more, and wait for a late settlement.
    """
    db.execute("""
        CREATE TABLE spending (
            window TEXT NOT NULL,
            resource TEXT NOT NULL,
            period_s INTEGER NOT NULL,
            start_s INTEGER NOT NULL,
            spent REAL NOT NULL,
            PRIMARY KEY (window, resource, period_s, start_s)
        ) STRICT, WITHOUT ROWID
    """)
    db.execute("""
        CREATE TABLE reservation (
            id TEXT PRIMARY KEY,
            expires_at REAL NOT NULL,
            expired INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID
    """)
    db.execute("CREATE INDEX reservation_expiry ON reservation (expires_at) WHERE NOT expired")
    db.execute("""
        CREATE TABLE holding (
            reservation_id TEXT NOT NULL REFERENCES reservation (id) ON DELETE CASCADE,
            window TEXT NOT NULL,
            resource TEXT NOT NULL,
            period_s INTEGER NOT NULL,
            start_s INTEGER NOT NULL,
            amount REAL NOT NULL,
            PRIMARY KEY (reservation_id, window, resource, period_s, start_s)
        ) STRICT, WITHOUT ROWID
    """)
    db.execute("CREATE INDEX holding_period ON holding (window, resource, period_s, start_s)")


SCHEMA: Final = Schema("ledger", (create_ledger,))

_TOTALS: Final = """
    SELECT
        coalesce((
            SELECT spent FROM spending
            WHERE window = :window AND resource = :resource AND period_s = :period_s AND start_s = :start_s
        ), 0.0),
        coalesce((
            SELECT sum(amount) FROM holding JOIN reservation ON reservation.id = reservation_id
            WHERE window = :window AND resource = :resource AND period_s = :period_s AND start_s = :start_s
            AND NOT expired
        ), 0.0)
"""
_SPEND: Final = """
    INSERT INTO spending (window, resource, period_s, start_s, spent) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET spent = spent + excluded.spent
"""


class SqliteLedgerStore:
    """A `LedgerStore` that every process of this device may open at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger at `path`; an empty one is made where there is none.

        Raises:
            StoreError: the file cannot be used; see `Database`.
        """
        return cls(Database(path, SCHEMA))

    def reserve(
        self, reservation_id: str, amount: Spend, periods: Sequence[Period], *, expires_at: datetime
    ) -> Window | None:
        """Hold `amount` in every period or in none; see `LedgerStore`."""
        with self._database.write(durable=False) as db:
            for period in periods:
                wanted = period.window.resource.of(amount)
                if wanted > 0 and sum(_totals(db, period)) + wanted > period.window.limit:
                    return period.window
            db.execute(
                "INSERT INTO reservation (id, expires_at) VALUES (?, ?)", [reservation_id, expires_at.timestamp()]
            )
            for period in periods:
                db.execute(
                    "INSERT INTO holding VALUES (?, ?, ?, ?, ?, ?)",
                    [reservation_id, *period.key, period.window.resource.of(amount)],
                )
        return None

    def settle(self, reservation_id: str, actual: Spend) -> None:
        """Replace a reservation by what was spent, once; see `LedgerStore`."""
        with self._database.write() as db:
            held = db.execute(
                "SELECT window, resource, period_s, start_s FROM holding WHERE reservation_id = ?", [reservation_id]
            ).fetchall()
            for window, resource, period_s, start_s in held:
                spent = Resource(resource).of(actual)
                if spent > 0:
                    db.execute(_SPEND, [window, resource, period_s, start_s, spent])
            db.execute("DELETE FROM reservation WHERE id = ?", [reservation_id])

    def expire(self, now: datetime) -> None:
        """Free what dead holders left; a late settlement of one still counts."""
        overdue = "NOT expired AND expires_at <= ?"
        with self._database.lend() as db:
            any_overdue = db.execute(f"SELECT 1 FROM reservation WHERE {overdue} LIMIT 1", [now.timestamp()]).fetchone()
        if any_overdue:  # seldom: so a question that reserves writes to the disk once, not twice
            with self._database.write(durable=False) as db:
                db.execute(f"UPDATE reservation SET expired = 1 WHERE {overdue}", [now.timestamp()])

    def totals(self, period: Period) -> tuple[float, float]:
        """Spent and reserved in `period`, in the window's own unit."""
        with self._database.lend() as db:
            return _totals(db, period)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _totals(db: sqlite_utils.Database, period: Period) -> tuple[float, float]:
    window, resource, period_s, start_s = period.key
    key = {"window": window, "resource": resource, "period_s": period_s, "start_s": start_s}
    spent, reserved = db.execute(_TOTALS, key).fetchone()
    return spent, reserved
