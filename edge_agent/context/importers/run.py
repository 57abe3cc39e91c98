"""One import: files and folders in, a summary out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_agent.context.importers.formats import READERS
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item, Label
from edge_agent.context.labels import Labels
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
    skipped: tuple[Skipped, ...]
    """What was broken, with reasons."""
    ignored: int
    """Files in the given folders that no reader takes."""


def import_paths(
    store: SqliteContextStore,
    paths: Sequence[Path],
    *,
    sensitivity: Sensitivity | None = None,
    on_progress: Callable[[ImportProgress], None] = lambda _: None,
) -> ImportSummary:
    """Read files and folders, folders with all that is in them, into `store`.

    What was imported before is updated where it changed, and never doubled. What is broken is skipped and reported.
    Items are kept in batches: an import that is interrupted has kept what it had read, and goes on at the next one.

    Args:
        store: where the records go.
        paths: files and folders.
        sensitivity: instead of the defaults by kind; an item's own mark may still be higher.
        on_progress: called after each file, and in large files after each batch.

    Raises:
        ImportFailed: a path does not exist; nothing was read.
        StoreError: the store cannot be written.
    """
    files, ignored = _files(paths)
    label = Labels(sensitivity).label
    counts, skipped, items = PutCounts(), list[Skipped](), 0
    for done, path in enumerate(files):
        for batch in _batches(_read(path, label)):
            skipped += [entry for entry in batch if isinstance(entry, Skipped)]
            counts += store.put(entry for entry in batch if isinstance(entry, Item))
            items += len(batch)
            on_progress(ImportProgress(path, done, len(files), items))
        on_progress(ImportProgress(path, done + 1, len(files), items))
    return ImportSummary(counts.added, counts.updated, counts.unchanged, tuple(skipped), ignored)


def _files(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """Every file to read, once, and how many others lie in the given folders."""
    files: dict[Path, None] = {}
    ignored = 0
    for path in (Path(given).expanduser().resolve() for given in paths):
        if path.is_dir():
            inside = [found for found in _walk(path) if found.stem.lower() not in _ABOUT_THE_FOLDER]
            readable = [found for found in inside if found.suffix.lower() in READERS]
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


def _read(path: Path, label: Label) -> Iterator[Entry]:
    """The entries of one file; a file that cannot be read at all is one that is skipped."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        yield Skipped(str(path), f"files that end in {path.suffix or 'nothing'} cannot be imported")
        return
    try:
        yield from reader(path, label)
    except OSError as error:
        yield Skipped(str(path), error.strerror or "it cannot be read")
    except ValueError as error:
        yield Skipped(str(path), str(error))


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, _BATCH)):
        yield batch
