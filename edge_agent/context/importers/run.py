"""One import: files and folders in, a summary out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.context.importers.ahead import batches
from edge_agent.context.importers.formats import READERS_VERSION, reader_of
from edge_agent.context.importers.reading import Skipped
from edge_agent.context.importers.rehearsal import Rehearsal
from edge_agent.context.labels import Labels
from edge_agent.context.preparing import Prepared
from edge_agent.context.store import PutCounts, SqliteContextStore
from orchestrator.errors import ImportFailed
from orchestrator.types import Sensitivity

_ABOUT_THE_FOLDER = frozenset({"readme", "license", "licence", "changelog"})
"""Files that tell of the folder rather than of its owner's life; named by themselves they are read."""
_BATCH = 200
"""Items a transaction: large enough to be quick, small enough that another writer waits only milliseconds."""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is."""

    file: Path
    files_done: int
    files: int
    items: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did."""

    added: int
    updated: int
    unchanged: int
    removed: int
    """Records that their file, or their folder, holds no more."""
    skipped: tuple[Skipped, ...]
    """What was broken, with reasons."""
    ignored: int
    """Files in the given folders that no reader takes."""
    forgotten: int = 0
    """Left out, since the user forgot them."""

    @property
    def changed(self) -> int:
        """Records that are not as they were before."""
        return self.added + self.updated + self.removed


def import_paths(
    store: SqliteContextStore,
    paths: Sequence[Path],
    *,
    sensitivity: Sensitivity | None = None,
    now: datetime | None = None,
    dry_run: bool = False,
    again: bool = False,
    on_progress: Callable[[ImportProgress], None] = lambda _: None,
) -> ImportSummary:
    """Read files and folders, folders with all that is in them, into `store`.

    A file that is as it was is not read again; what changed is updated, and never doubled. What a file holds no more,
    and what files held that are gone from the given folders, is removed. What is broken is skipped and reported, and
    then nothing of that file is removed. Items are kept in batches: an import that is interrupted has kept what it had
    read, and goes on at the next one.

    Args:
        store: where the records go.
        paths: files and folders.
        sensitivity: what the user chooses for these files and folders, now and later; see `Labelling.choose`.
        now: the present; events that repeat are found at their times some years around it. This device's, if left out.
        dry_run: read everything, and tell what would be done; nothing is written.
        again: read also what is as it was, and bring back what was forgotten.
        on_progress: called after each file, and in large files after each batch.

    Raises:
        ImportFailed: a path does not exist; nothing was read.
        StoreError: the store cannot be written.
    """
    files, ignored = _files(paths)
    if sensitivity is not None and not dry_run:
        for path in paths:
            store.labels.choose(sensitivity, source=str(path))
    target = Rehearsal(store) if dry_run else store
    importing = _Import(target, store.labels.rules, on_progress, len(files), again=again)
    for file in files:
        importing.read(file)
    for folder in (path for path in map(_absolute, paths) if path.is_dir()):
        importing.follow_deletions(folder, files)
    while target.spread_repetitions(now or datetime.now(UTC)):
        pass  # what an import that was killed had put is among them
    return ImportSummary(
        added=importing.counts.added,
        updated=importing.counts.updated,
        unchanged=importing.counts.unchanged,
        removed=importing.removed,
        skipped=tuple(importing.skipped),
        ignored=ignored,
        forgotten=importing.counts.forgotten,
    )


class _Import:
    """One import on its way."""

    def __init__(
        self,
        store: SqliteContextStore | Rehearsal,
        rules: Labels,
        on_progress: Callable[[ImportProgress], None],
        files: int,
        *,
        again: bool,
    ) -> None:
        self.counts, self.removed, self.skipped = PutCounts(), 0, list[Skipped]()
        self._store, self._rules, self._on_progress = store, rules, on_progress
        self._files, self._files_done, self._items = files, 0, 0
        self._again = again

    def read(self, path: Path) -> None:
        """Bring in one file, unless it is as it was."""
        state = _state(path)
        known = self._store.known_items(path, state) if state and not self._again else None
        if known is None:
            self._read_anew(path, state)
        else:
            self.counts += PutCounts(unchanged=known)
            self._items += known
        self._files_done += 1
        self._on_progress(ImportProgress(path, self._files_done, self._files, self._items))

    def follow_deletions(self, folder: Path, files: Sequence[Path]) -> None:
        """Remove what files held that are gone; a folder without any file is itself gone: a disk that is not there."""
        present = [file for file in files if file.is_relative_to(folder)]
        if present:
            self.removed += self._store.drop_missing(folder, present)

    def _read_anew(self, path: Path, state: str) -> None:
        reading = self._store.begin_reading(path)
        before = len(self.skipped)
        with closing(batches(path, _BATCH, self._rules)) as read:
            for batch in read:
                self.skipped += [entry for entry in batch if isinstance(entry, Skipped)]
                found = (entry for entry in batch if isinstance(entry, Prepared))
                self.counts += self._store.put(found, reading=reading, again=self._again)
                self._items += len(batch)
                self._on_progress(ImportProgress(path, self._files_done, self._files, self._items))
        whole = len(self.skipped) == before  # a broken item may be one that was there before: nothing is removed
        self.removed += self._store.end_reading(reading, state if whole else "", prune=whole)


def _state(path: Path) -> str:
    """Changes with the file and our way of reading; empty for a file that is not there."""
    try:
        now = path.stat()
    except OSError:
        return ""
    return f"{now.st_size} {now.st_mtime_ns} {READERS_VERSION}"


def _absolute(path: Path) -> Path:
    return Path(path).expanduser().resolve()


def _files(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """Every file to read, once, and how many others lie in the given folders."""
    files: dict[Path, None] = {}
    ignored = 0
    for path in map(_absolute, paths):
        if path.is_dir():
            inside = [found for found in _walk(path) if found.stem.lower() not in _ABOUT_THE_FOLDER]
            readable = [found for found in inside if reader_of(found)]
            files |= dict.fromkeys(readable)
            ignored += len(inside) - len(readable)
        elif path.exists():
            files[path] = None
        else:
            raise ImportFailed(f"{path} does not exist", remedy="check the path; nothing was imported")
    return list(files), ignored


def _walk(folder: Path) -> Iterator[Path]:
    """The files below `folder`, in order; what is hidden stays so."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))
