"""What a search has measured so far, on disk: one that was interrupted goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Journal:
    """Measurements by name. What was measured under other circumstances, or is damaged, is forgotten."""

    def __init__(self, file: Path, circumstances: list[str]) -> None:
        """Args:
        file: where it is kept; made where it is missing.
        circumstances: all that a measurement depends on.
        """
        self._file = file
        self._content: dict[str, Any] = {"circumstances": circumstances, "measured": {}}
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(found, dict) and found.get("circumstances") == circumstances:
            self._content = found

    def measured(self, name: str, kind: type[T], measure: Callable[[], T]) -> T:
        """The measurement `name`, a dataclass of `kind`: as it was written down, or made now and written down."""
        known = self._content["measured"]
        if name not in known:
            known[name] = asdict(measure())  # type: ignore[call-overload]
            partial = self._file.with_suffix(".partial")
            partial.write_text(json.dumps(self._content, indent=1), encoding="utf-8")
            partial.replace(self._file)
        return kind(**known[name])
