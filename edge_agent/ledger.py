"""The ledger's rows in SQLite: every process of this device spends from the same windows.

What was spent is on the disk before `settle` returns. A reservation is not waited for: after a power cut nobody holds
it any more, and it would only expire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from edge_agent.database import Database, Schema
from orchestrator.budget import Account, Pace, Period, Resource, Window
from orchestrator.budget.pacing import Demand
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


def pace_windows(db: sqlite_utils.Database) -> None:
    """What was bid in a period, and what the period began with; kept for the present one and the one before."""
    db.execute("""
        CREATE TABLE demand (
            window TEXT NOT NULL,
            resource TEXT NOT NULL,
            period_s INTEGER NOT NULL,
            start_s INTEGER NOT NULL,
            slice INTEGER NOT NULL,
            level INTEGER NOT NULL,
            amount REAL NOT NULL,
            PRIMARY KEY (window, resource, period_s, start_s, slice, level)
        ) STRICT, WITHOUT ROWID
    """)
    db.execute("""
        CREATE TABLE pace (
            window TEXT NOT NULL,
            resource TEXT NOT NULL,
            period_s INTEGER NOT NULL,
            start_s INTEGER NOT NULL,
            price REAL NOT NULL,
            plan TEXT NOT NULL,
            learnt INTEGER NOT NULL,
            PRIMARY KEY (window, resource, period_s, start_s)
        ) STRICT, WITHOUT ROWID
    """)


SCHEMA: Final = Schema("ledger", (create_ledger, pace_windows))

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
_DEMAND: Final = """
    INSERT INTO demand (window, resource, period_s, start_s, slice, level, amount) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET amount = amount + excluded.amount
"""
_SAME_WINDOW: Final = "window = :window AND resource = :resource AND period_s = :period_s"


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
        self,
        reservation_id: str,
        worst: Spend,
        periods: Sequence[Period],
        *,
        expires_at: datetime,
        demand: Sequence[Demand] = (),
    ) -> Window | None:
        """Hold `worst` in every period or in none; see `LedgerStore`."""
        with self._database.write(durable=False) as db:
            for period in periods:
                taken = {account.resource: sum(_totals(db, account)) for account in period.accounts}
                if not period.window.has_room(worst, taken):
                    return period.window
            db.execute(
                "INSERT INTO reservation (id, expires_at) VALUES (?, ?)", [reservation_id, expires_at.timestamp()]
            )
            for period in periods:
                for account in period.accounts:
                    amount = period.window.held(account.resource, worst)
                    db.execute(
                        "INSERT INTO holding VALUES (?, ?, ?, ?, ?, ?)", [reservation_id, *_key(account), amount]
                    )
            for wanted in demand:
                db.execute(_DEMAND, [*_key(wanted.account), wanted.slice, wanted.level, wanted.amount])
        return None

    def settle(self, reservation_id: str, actual: Spend) -> None:
        """Replace a reservation by what was spent, once; see `LedgerStore`."""
        with self._database.write() as db:
            held = db.execute(
                "SELECT window, resource, period_s, start_s FROM holding WHERE reservation_id = ?", [reservation_id]
            ).fetchall()
            for window, resource, period_s, start_s in held:
                account = Account(window, Resource(resource), period_s, start_s)
                spent = account.resource.of(actual)
                if spent > 0:
                    db.execute(_SPEND, [*_key(account), spent])
            db.execute("DELETE FROM reservation WHERE id = ?", [reservation_id])

    def expire(self, now: datetime) -> None:
        """Free what dead holders left; a late settlement of one still counts."""
        overdue = "NOT expired AND expires_at <= ?"
        with self._database.lend() as db:
            any_overdue = db.execute(f"SELECT 1 FROM reservation WHERE {overdue} LIMIT 1", [now.timestamp()]).fetchone()
        if any_overdue:  # seldom: so a question that reserves writes to the disk once, not twice
            with self._database.write(durable=False) as db:
                db.execute(f"UPDATE reservation SET expired = 1 WHERE {overdue}", [now.timestamp()])

    def totals(self, account: Account) -> tuple[float, float]:
        """Spent and reserved."""
        with self._database.lend() as db:
            return _totals(db, account)

    def spent_since(self, account: Account, start_s: int) -> dict[int, float]:
        """What was spent in the periods of the account's window from `start_s` on, by the second that each began."""
        with self._database.lend() as db:
            rows = db.execute(
                f"SELECT start_s, spent FROM spending WHERE {_SAME_WINDOW} AND start_s >= :start_s",
                {**_named(account), "start_s": start_s},
            ).fetchall()
        return dict(rows)

    def demand(self, account: Account) -> Mapping[tuple[int, int], float]:
        """What was bid in the account's period, by slice and level."""
        with self._database.lend() as db:
            rows = db.execute(
                f"SELECT slice, level, amount FROM demand WHERE {_SAME_WINDOW} AND start_s = :start_s", _named(account)
            ).fetchall()
        return {(part, level): amount for part, level, amount in rows}

    def pace(self, account: Account) -> tuple[int, Pace] | None:
        """The pace of the account's period or of the latest one before, and when that began; see `LedgerStore`."""
        with self._database.lend() as db:
            row = db.execute(
                f"SELECT start_s, price, plan, learnt FROM pace WHERE {_SAME_WINDOW} AND start_s <= :start_s"
                " ORDER BY start_s DESC LIMIT 1",
                _named(account),
            ).fetchone()
        return None if row is None else (row[0], Pace(row[1], tuple(json.loads(row[2])), bool(row[3])))

    def begin(self, account: Account, pace: Pace) -> None:
        """Keep what a period starts with, unless it has begun, and drop what is older than the one before."""
        with self._database.write(durable=False) as db:
            before = f"SELECT max(start_s) FROM pace WHERE {_SAME_WINDOW} AND start_s < :start_s"
            for table in ("demand", "pace"):
                db.execute(f"DELETE FROM {table} WHERE {_SAME_WINDOW} AND start_s < ({before})", _named(account))
            db.execute(
                "INSERT OR IGNORE INTO pace (window, resource, period_s, start_s, price, plan, learnt)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [*_key(account), pace.price, json.dumps(pace.plan), pace.learnt],
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _key(account: Account) -> tuple[str, str, int, int]:
    return (account.window, account.resource.value, account.period_s, account.start_s)


def _named(account: Account) -> dict[str, object]:
    return dict(zip(("window", "resource", "period_s", "start_s"), _key(account), strict=True))


def _totals(db: sqlite_utils.Database, account: Account) -> tuple[float, float]:
    spent, reserved = db.execute(_TOTALS, _named(account)).fetchone()
    return spent, reserved
