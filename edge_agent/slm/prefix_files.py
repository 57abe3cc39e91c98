"""System prompts that were read, on disk: the next process need not read them again."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.system_prompt import SystemPrompt

_SUFFIX: Final = ".npz"
_FRAME: Final = 4096
"""More than an archive takes beside its keys and values."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    bytes: int
    used_ns: int


@dataclass(frozen=True, slots=True)
class Saved:
    """What is in a folder of prefix files, and whether more can be saved there."""

    prompts: int
    bytes: int
    writable: bool


def saved_in(folder: Path) -> Saved:
    """Look at a folder, which need not be there yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    files = list(_files(folder))
    return Saved(len(files), sum(file.bytes for file in files), os.access(existing, os.W_OK | os.X_OK))


def remove_all(folder: Path) -> None:
    """Remove every saved prompt, of whatever model; whoever needs one reads it again."""
    for file in _files(folder):
        _remove(file.path)


class PrefixFiles:
    """A folder with one .npz file a system prompt, of any number of models, within a bound of bytes.

    A file is named after all that decides what is in it: the model, the runtime, the layout and the tokens. So a new
    model or runtime finds nothing, and what is left of the old one is dropped in time. A file that is not whole, not
    ours or not readable counts as not there and is replaced: NumPy's .npz is a ZIP archive, which holds a CRC-32 of
    each array. It is read and not mapped: what is checked is then a copy that nobody can change or cut off afterwards.

    Saving is a favour. Where it fails, answers are only slower at the next start; the log tells why, once a process.
    """

    def __init__(self, folder: Path, *, identity: str, layout: CacheLayout, max_bytes: int) -> None:
        """Args:
        folder: made when the first prompt is saved, for this user only.
        identity: of everything that computes, as `identity.identity_of` gives it.
        layout: of the model's cache.
        max_bytes: of all files in the folder. 0 saves nothing.
        """
        self._folder = folder
        self._identity = identity
        self._layout = layout
        self._max_bytes = max_bytes
        self._settled: set[str] = set()
        """Names of files that this process has read, written, or failed to write."""

    def load(self, system: SystemPrompt) -> NDArray[np.floating] | None:
        """Keys and values of a system prompt, [arrays, kv_heads, tokens, head_dim]; None where they are not saved."""
        name = self._name(system)
        path = self._folder / (name + _SUFFIX)
        try:
            kv = _read(path, name)
            if kv.shape != self._layout.shape(len(system.tokens)) or kv.dtype != self._layout.dtype:
                raise ValueError("another layout")
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive fails in a dozen ways
            _log.info("%s is of no use and is dropped: %s", path, error)
            _remove(path)
            return None
        self._settled.add(name)
        _mark_used(path)
        return kv

    def save(self, system: SystemPrompt, read: Callable[[], NDArray[np.floating]]) -> None:
        """Write a system prompt down, once. `read` gives its keys and values, and is called only where that is to do.

        What was used least recently makes room. Nothing is raised.
        """
        name = self._name(system)
        room = self._max_bytes - _FRAME - len(system.tokens) * self._layout.bytes_per_token
        if name in self._settled or room < 0:
            return
        self._settled.add(name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _trim(self._folder, room)
            _write(self._folder / (name + _SUFFIX), name, read())
        except OSError as error:
            _log.info("the system prompt is not saved in %s: %s", self._folder, error)

    def clear(self) -> None:
        """Remove every file in the folder, those of other models, too."""
        remove_all(self._folder)
        self._settled.clear()

    def _name(self, system: SystemPrompt) -> str:
        told = hashlib.sha256(f"{self._identity} {self._layout}".encode())
        told.update(np.array(system.tokens, "<i8").tobytes())
        return told.hexdigest()


def _read(path: Path, name: str) -> NDArray[np.floating]:
    """The keys and values in a file; anything may be raised."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        if str(arrays["name"]) != name:
            raise ValueError("another prompt's")
        kv: NDArray[np.floating] = arrays["kv"]
        return kv


def _write(path: Path, name: str, kv: NDArray[np.floating]) -> None:
    """Write a file in one step: it is there whole, or not at all.

    It is not forced to the disk, which takes long on a phone's: a file that a loss of power leaves half written is
    found out by its checksums.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{name}.", suffix=".tmp", delete=False) as file:
        try:
            np.savez(file, name=np.array(name), kv=kv)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            file.close()
            _remove(Path(file.name))
            raise


def _trim(folder: Path, max_bytes: int) -> None:
    """Remove the files used least recently until the rest is within `max_bytes`."""
    files = sorted(_files(folder), key=lambda file: file.used_ns)
    total = sum(file.bytes for file in files)
    for file in files:
        if total <= max_bytes:
            return
        _remove(file.path)
        total -= file.bytes


def _files(folder: Path) -> Iterator[_File]:
    """What is in the folder, files that a killed process left half written included."""
    for path in folder.glob("*.*") if folder.is_dir() else ():
        with suppress(OSError):  # another process has removed it meanwhile
            found = path.stat()
            yield _File(path, found.st_size, found.st_mtime_ns)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _mark_used(path: Path) -> None:
    with suppress(OSError):  # a folder that may not be written can still be read
        os.utime(path)
