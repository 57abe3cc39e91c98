"""Weights that are already on this device."""

from __future__ import annotations

from pathlib import Path

from edge_agent.slm.catalog import PathEntry
from orchestrator.errors import DownloadFailed


def fetch(entry: PathEntry) -> Path:
    """The file that `entry` names, used where it is.

    Raises:
        DownloadFailed: there is no such file.
    """
    path = entry.path.expanduser()
    if not path.is_file():
        raise DownloadFailed(f"{path} is not a file", remedy="Check the path")
    return path
