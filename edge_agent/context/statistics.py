"""What a store holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.context import reembedding

if TYPE_CHECKING:
    import sqlite_utils


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What a store holds."""

    path: Path
    encrypted: bool
    records: int
    by_kind: dict[str, int]
    by_sensitivity: dict[str, int]
    embedded: dict[str, int]
    """Embedding model → records that have its vectors; two while one takes the other's place."""
    file_bytes: int
    """The database and its write-ahead log."""


def gather(db: sqlite_utils.Database, path: Path, *, encrypted: bool) -> StoreStats:
    """Count what the store at `path` holds."""
    files = [path, path.with_name(path.name + "-wal")]
    return StoreStats(
        path=path,
        encrypted=encrypted,
        records=db.table("records").count,
        by_kind=_counts(db, "kind"),
        by_sensitivity=_counts(db, "sensitivity"),
        embedded=reembedding.embedded(db.conn),
        file_bytes=sum(file.stat().st_size for file in files if file.exists()),
    )


def _counts(db: sqlite_utils.Database, column: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT {column}, count(*) FROM records GROUP BY {column} ORDER BY 2 DESC, 1").fetchall())
