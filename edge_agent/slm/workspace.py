"""Where a model is made: beside the installed ones, behind a lock, and put in their place in one step.

`<models>/.partial/<name>/` holds what has been downloaded (kept, so that the next try goes on), the folder in the
making (never kept) and, for the moment of the exchange, the model that was there before. Whatever moment a process dies
at, the old model or the new one is there, and whole.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.disk import sync
from edge_agent.home import models_dir
from edge_agent.slm.progress import Progress, Quiet
from orchestrator.errors import StoreUnavailable

if TYPE_CHECKING:
    from filelock import BaseFileLock

_REMEDIES = {
    errno.ENOSPC: "Free some space, or point EDGEWISE_MODELS to another disk",
    errno.EDQUOT: "Free some space, or point EDGEWISE_MODELS to another disk",
    errno.EROFS: "Point EDGEWISE_MODELS to a folder that can be written",
    errno.EACCES: "Make it yours, or point EDGEWISE_MODELS to a folder that you can write",
    errno.EPERM: "Make it yours, or point EDGEWISE_MODELS to a folder that you can write",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """One model's place in `.partial`, held by this process alone."""

    name: str
    root: Path

    @property
    def downloads(self) -> Path:
        """What came from a source; kept when a pull fails or dies."""
        return _made(self.root / "downloads")

    @property
    def scratch(self) -> Path:
        """Empty at first; dropped with the process."""
        return _made(self.root / "scratch")

    @property
    def target(self) -> Path:
        """Where the model is when it is installed."""
        return models_dir() / self.name

    def install(self, folder: Path) -> Path:
        """Put `folder` in the model's place. What was open of the old model stays readable.

        Returns:
            `target`.
        """
        _settle(folder)
        previous = self.root / "previous"
        if self.target.exists():
            self.target.rename(previous)
        folder.rename(self.target)
        sync(self.target.parent)
        shutil.rmtree(previous, ignore_errors=True)
        return self.target

    def clear(self) -> None:
        """Drop the downloads: they are used up."""
        shutil.rmtree(self.root / "downloads", ignore_errors=True)

    def need(self, n_bytes: int) -> None:
        """Check for room for `n_bytes`; what is downloaded already counts as there.

        Raises:
            StoreUnavailable: the disk has less.
        """
        free = shutil.disk_usage(self.root).free
        if free + sum(file.stat().st_size for file in self.downloads.rglob("*") if file.is_file()) < n_bytes:
            raise StoreUnavailable(
                f"{self.name} needs {n_bytes / 1e6:,.0f} MB in {models_dir()}, which has {free / 1e6:,.0f} MB left",
                remedy=_REMEDIES[errno.ENOSPC],
            )


@contextmanager
def workspace(name: str, progress: Progress) -> Iterator[Workspace]:
    """Hold the place where `name` is made, waiting for another process that does.

    Raises:
        StoreUnavailable: the disk is full, or the folder may not be written.
    """
    root = models_dir() / ".partial" / name
    with _explained(root):
        root.mkdir(parents=True, exist_ok=True)
        with _locked(name, progress):
            _put_back(root, models_dir() / name)
            for left in ("scratch", "previous"):
                shutil.rmtree(root / left, ignore_errors=True)
            # Whoever held the lock before may have cleared the place.
            yield Workspace(name, _made(root))
            shutil.rmtree(root / "scratch", ignore_errors=True)
            if root.exists() and not any(root.iterdir()):
                root.rmdir()


def put_back(name: str) -> None:
    """Where a process died in the middle of an exchange, put the previous model back."""
    root = models_dir() / ".partial" / name
    if (root / "previous").exists():
        with _explained(root), _locked(name, Quiet()):
            _put_back(root, models_dir() / name)


def _put_back(root: Path, target: Path) -> None:
    if (root / "previous").exists() and not target.exists():
        (root / "previous").rename(target)


@contextmanager
def _locked(name: str, progress: Progress) -> Iterator[None]:
    from filelock import FileLock, Timeout

    # Beside the folder, not in it: whoever waits must not hold a lock on a file that is no longer there.
    lock: BaseFileLock = FileLock(models_dir() / ".partial" / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.note(f"another process is at work on {name}: waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        where = error.filename or path
        remedy = _REMEDIES.get(error.errno, "Check the folder, or point EDGEWISE_MODELS to another one")
        raise StoreUnavailable(f"{where}: {os.strerror(error.errno).lower()}", remedy=remedy) from error


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _settle(folder: Path) -> None:
    """Have the disk hold every file before the folder is called by its name."""
    for root, _, names in os.walk(folder):
        for name in names:
            sync(Path(root, name))
        sync(Path(root))
