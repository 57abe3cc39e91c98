"""How good detection is: precision, recall and F2 over characters, on texts whose personal stretches are known.

A line of a file is `text` and `spans` (`type`, `start`, `end`, in code points; `value` is the text between them): the
form of presidio-research's data. Characters are counted, not spans: what leaks is what was left uncovered, and a
detector that finds "Anna" of "Anna Ek" has found a part. F2 weighs recall twice as much as precision (van Rijsbergen
1979), for a leak is worse than a word too many.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge_agent.slm.progress import Progress, Quiet
from orchestrator.errors import InvalidRequest
from orchestrator.ports import Detector

OVERALL: Final = "overall"
"""The row of all types together: a character is personal or it is not."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that is personal: `text[start:end]`."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, and everything in it that is personal."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How good detection is, over characters. A share that has nothing under it is 0.

    Attributes:
        precision: of the characters found (in the row of a type: found as it), the share that is personal.
        recall: of the personal characters (in the row of a type: those of it), the share that was found. As what does
            not matter: a town that is taken for a part of an address stays at home as well.
    """

    precision: float
    recall: float

    @property
    def f2(self) -> float:
        """Their mean with twice the weight on recall: 5PR / (4P + R)."""
        weighted = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighted if weighted else 0.0


def read_labelled(path: Path) -> list[Labelled]:
    """The texts of a file of JSON lines, gzipped or not.

    Raises:
        InvalidRequest: there is no such file, or it is none of this format; names the file and the line.
    """
    try:
        data = path.read_bytes()
        content = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read", remedy="give a file of JSON lines, gzipped or not") from error
    rows = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_labelled(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            reason = f": {error}" if isinstance(error, _Misplaced) else ""
            raise InvalidRequest(
                f"{path}, line {number} is no labelled text{reason}",
                remedy="each line needs `text` and `spans` with `type`, `start` and `end`; see docs/privacy.md",
            ) from None
    return rows


def evaluate(rows: Sequence[Labelled], detector: Detector, *, progress: Progress | None = None) -> dict[str, Score]:
    """`overall`, then each type that is in the texts or was found there, by name.

    Raises:
        InvalidRequest: nothing in the texts is personal, so there is nothing to measure.
    """
    if not any(row.spans for row in rows):
        raise InvalidRequest("nothing in these texts is personal", remedy="give texts with `spans`")
    tally = _Tally()
    with (progress or Quiet()).task("detecting", len(rows), in_bytes=False) as advance:
        for done, row in enumerate(rows, start=1):
            tally.count(row, [Span(found.kind, found.start, found.end) for found in detector.find(row.text)])
            advance(done)
    return tally.scores()


class _Misplaced(ValueError):
    """A span that is not where it says; the message holds no text of the file."""


class _Tally:
    """Characters by type, each counted once however many spans cover it."""

    def __init__(self) -> None:
        self._personal: Counter[str] = Counter()
        self._covered: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def count(self, row: Labelled, found: Sequence[Span]) -> None:
        """Add one text."""
        personal, covered = _by_type(row.spans), _by_type(found)
        for name, places in personal.items():
            self._personal[name] += len(places)
            self._covered[name] += len(places & covered[OVERALL])
        for name, places in covered.items():
            self._found[name] += len(places)
            self._right[name] += len(places & personal[OVERALL])

    def scores(self) -> dict[str, Score]:
        """What was counted so far, as shares."""
        names = [OVERALL, *sorted((self._personal.keys() | self._found.keys()) - {OVERALL})]
        return {
            name: Score(
                precision=_share(self._right[name], self._found[name]),
                recall=_share(self._covered[name], self._personal[name]),
            )
            for name in names
        }


def _by_type(spans: Iterable[Span]) -> dict[str, set[int]]:
    places: dict[str, set[int]] = {OVERALL: set()}
    for span in spans:
        covered = range(span.start, span.end)
        places.setdefault(str(span.type), set()).update(covered)
        places[OVERALL].update(covered)
    return places


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _labelled(row: Mapping[str, Any]) -> Labelled:
    text = row["text"]
    if not isinstance(text, str):
        raise TypeError("text is no text")
    return Labelled(text, tuple(_span(span, text) for span in row["spans"]))


def _span(row: Mapping[str, Any], text: str) -> Span:
    span = Span(str(row["type"]), int(row["start"]), int(row["end"]))
    if not 0 <= span.start < span.end <= len(text):
        raise _Misplaced(f"a span from {span.start} to {span.end} in a text of {len(text)} characters")
    if "value" in row and row["value"] != text[span.start : span.end]:
        raise _Misplaced(f"the `value` of a span is not what stands from {span.start} to {span.end}")
    return span
