"""What is on the disk, and not only in the system's memory."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder.

    Raises:
        OSError: it cannot.
    """
    if os.name == "nt":  # cannot open folders, and flushes files when they are closed
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
