"""What every reader yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.context.items import Item


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not become a record."""

    source: str
    """The file, and where in it."""
    reason: str
    """In plain words, without what the file says."""


Entry = Item | Skipped
Reader = Callable[[Path], Iterator[Entry]]
"""Reads one file. It skips what is broken; a file it cannot read at all raises OSError or ValueError."""
