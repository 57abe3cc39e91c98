"""The published files that models are made from: brought from the first source that delivers them, and verified."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edge_agent.home import models_dir
from edge_agent.slm.catalog import CatalogModel, Original, SourceEntry
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.progress import Progress
from edge_agent.slm.sources import fetch
from edge_agent.slm.workspace import Workspace
from orchestrator.errors import DownloadFailed, ModelCorrupt, ModelError


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that has arrived.

    Attributes:
        source: where from, for people and the manifest.
        verified_by: who said what its sha256 must be: `catalog`, `hub`, or `nobody`.
    """

    path: Path
    source: str
    sha256: str
    verified_by: str


def kept_original(model: CatalogModel) -> Path:
    """Where the original is when it was asked to be kept. Those of several files have a folder for them."""
    kept = models_dir() / ".originals"
    return (kept / model.name if model.beside else kept) / model.original.file


def find_kept(model: CatalogModel) -> Delivered | None:
    """The kept original, if there is one and it is what it should be."""
    kept = kept_original(model)
    if kept.is_file() and sha256_of(kept) == model.original.sha256:
        return Delivered(kept, "kept original", model.original.sha256, "catalog")
    return None


def bring_original(
    model: CatalogModel, space: Workspace, progress: Progress, *, sources: Sequence[SourceEntry], keep: bool
) -> Delivered:
    """The original of `model`, every byte checked: the kept one, or from the first source that delivers it.

    Raises:
        DownloadFailed, ModelCorrupt: no source did; with several, the message says what each of them answered.
        OSError: the disk is full or may not be written.
    """
    if found := find_kept(model):
        return found
    delivered = _from_any(model, space, progress, sources)
    if not keep:
        return delivered
    kept = kept_original(model)
    kept.parent.mkdir(parents=True, exist_ok=True)
    if delivered.path.is_relative_to(space.root):
        delivered.path.replace(kept)
    else:
        shutil.copyfile(delivered.path, space.scratch / kept.name).replace(kept)
    return Delivered(kept, delivered.source, delivered.sha256, delivered.verified_by)


def _from_any(model: CatalogModel, space: Workspace, progress: Progress, sources: Sequence[SourceEntry]) -> Delivered:
    failures: list[ModelError] = []
    file = model.original.file
    # What a source delivered before a kill is used before any other is asked.
    ordered = sorted(sources, key=lambda source: not (space.downloads / source.kind / file).is_file())
    for source, following in pairwise([*ordered, None]):
        assert source is not None  # the sentinel is never first
        try:
            folder = space.downloads / source.kind
            folder.mkdir(exist_ok=True)
            path = folder / file
            if not path.is_file():
                path = fetch(source, model.original, folder, progress)
            _verify(path, model, is_download=path.is_relative_to(space.root))
        except (DownloadFailed, ModelCorrupt) as error:
            failures.append(error)
            if following is not None:
                progress.note(f"{error.message}: trying the {following.kind}")
        else:
            return Delivered(path, f"{source.kind} {source.place}", model.original.sha256, "catalog")
    if len(failures) == 1:
        raise failures[0]
    raise DownloadFailed(
        f"no source delivered {model.name}: {'; '.join(error.message for error in failures)}",
        remedy=f"Check the network connection, or bring {model.original.file} from elsewhere and name it: "
        f"edgewise models pull {model.name} --from FILE",
    )


def _verify(path: Path, model: CatalogModel, *, is_download: bool) -> None:
    wanted: Original = model.original
    size = path.stat().st_size
    if size == wanted.bytes and sha256_of(path) == wanted.sha256:
        return
    if is_download:
        path.unlink()
        raise ModelCorrupt(f"{path.name} arrived damaged", remedy="Try again")
    how = f"{size:,} bytes instead of {wanted.bytes:,}" if size != wanted.bytes else "another sha256"
    remedy = f"Install it under a name of its own: edgewise models convert {path} --name NAME"
    raise ModelCorrupt(f"{path} is not the original of {model.name}: it has {how}", remedy=remedy)
