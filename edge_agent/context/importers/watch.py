"""Folders that are followed: what changes in them is imported, what is gone is removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Final

import watchfiles

from edge_agent.context.importers.formats import reader_of
from edge_agent.context.importers.run import ImportSummary, import_paths
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Sensitivity

_QUIET_MS: Final = 500
"""A burst of changes is over when nothing has changed for so long: a folder that is being copied is read once."""
_LONGEST_MS: Final = 5000
"""Of a burst that does not end, what is there by then is read."""
_LOOK_MS: Final = 1000


def watch(
    store: SqliteContextStore,
    folders: Sequence[Path],
    *,
    sensitivity: Sensitivity | None = None,
    stop: Event | None = None,
) -> Iterator[ImportSummary]:
    """Import folders now and after each change in them; the summary of each import, the first one's first.

    The iterator ends when `stop` is set, at the latest a second later. Between two imports nothing runs but the
    system's own notice of changes.

    Raises:
        ImportFailed: a folder does not exist, or does no more.
        StoreError: the store cannot be written.
    """
    yield import_paths(store, folders, sensitivity=sensitivity)
    changes = watchfiles.watch(
        *folders,
        watch_filter=_concerns,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stop,
    )
    first = True
    for changed in changes:
        if changed or first:  # it may have changed before the system took notice
            yield import_paths(store, folders, sensitivity=sensitivity)
        first = False


def _concerns(_: watchfiles.Change, path: str) -> bool:
    """Whether a change may be one of a file that is read, or of a folder."""
    name = Path(path)
    return not name.name.startswith(".") and (not name.suffix or reader_of(name) is not None or name.is_dir())
