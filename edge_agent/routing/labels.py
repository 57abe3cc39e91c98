"""Questions with known outcomes, as JSON lines: what a router is fitted and measured on.

A line holds `prompt`, `weak_correct` and `strong_correct` (whether the device's and the cloud's model got it right),
and may hold `domain`, its subject. This is the layout of RouteLLM's evaluation files; whatever else stands in a line is
left alone, the right answer above all.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.errors import InvalidRequest
from orchestrator.routing.curve import Outcomes

_FORMAT = "a line needs `prompt`, `weak_correct` and `strong_correct`; see docs/routing.md"


@dataclass(frozen=True, slots=True)
class Labels:
    """The questions of one file, and who got them right.

    Attributes:
        name: the file's stem, without `.jsonl` and `.gz`.
        questions: their texts.
        domains: the subject of each; empty where any is missing.
        outcomes: of the same questions.
    """

    name: str
    questions: tuple[str, ...]
    domains: tuple[str, ...]
    outcomes: Outcomes

    @property
    def size(self) -> int:
        """How many questions."""
        return len(self.questions)


def read_labels(path: Path) -> Labels:
    """The labels of a file, gzipped or not.

    Raises:
        InvalidRequest: it cannot be read or is empty, or a line is none of this format; names the line and the field.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read", remedy="give a file of JSON lines, gzipped or not") from error
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not rows:
        raise InvalidRequest(f"{path} holds no question", remedy=_FORMAT)
    domains = tuple(row.get("domain") for row in rows)
    return Labels(
        name=path.name.removesuffix(".gz").removesuffix(".jsonl"),
        questions=tuple(row["prompt"] for row in rows),
        domains=tuple(str(domain) for domain in domains) if all(domains) else (),
        outcomes=Outcomes(_column(rows, "weak_correct"), _column(rows, "strong_correct")),
    )


def require_own_names(labels: Sequence[Labels]) -> None:
    """Results are told by name.

    Raises:
        InvalidRequest: two files have the same.
    """
    if len({each.name for each in labels}) < len(labels):
        raise InvalidRequest("two of the files have the same name", remedy="rename one: results are told by name")


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    return np.array([bool(row[name]) for row in rows])


def _row(line: str, place: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        raise InvalidRequest(f"{place} is no JSON", remedy=_FORMAT) from None
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str) or not row["prompt"].strip():
        raise InvalidRequest(f"{place} has no `prompt`", remedy=_FORMAT)
    for name in ("weak_correct", "strong_correct"):
        if name not in row:
            raise InvalidRequest(f"{place} has no `{name}`", remedy=_FORMAT)
        # 0 and 1 are equal to False and True; NaN is equal to nothing.
        if row[name] not in (False, True):
            raise InvalidRequest(f"{place}: `{name}` is neither true nor false", remedy=_FORMAT)
    return row
