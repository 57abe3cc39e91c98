"""Labels and signals of the pair: kept without any text, and joined with the public files where those are at hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.pair.judge import written_right
from benchmarks.pair.questions import Question, asked
from orchestrator.types import TokenScore

LABELS: Final = Path(__file__).with_name("labels.jsonl.gz")
_MOST_TOKENS: Final = 64
"""Of an answer that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A question that both models were asked.

    Attributes:
        key: where it stands: file, row and place.
        device_right: as the set's own check has it.
        written: whether what the device wrote is right, where that is another matter: choices are compared by their
            probability, and the device writes freely beside that. It is what token scores can tell of.
        tokens: of the device's answer, the first 64.
        margins: how much likelier each was than the second, nats.
        choice_margin: the same for choices; None where there are none.
        agreement: with three answers at temperature 0.7, 0 to 1; None where they were not drawn.
        confidence: of recall; 0 where nothing is recalled.
        length: of the device's answer, tokens.
    """

    task: str
    key: tuple[str, int, int]
    device_right: bool
    cloud_right: bool
    written: bool
    tokens: tuple[TokenScore, ...]
    margins: tuple[float, ...]
    choice_margin: float | None
    agreement: float | None
    confidence: float
    length: int
    prompt_tokens: int
    device_ms: float
    device_joules: float
    cloud_tokens: int


def pack(rows: Path, questions: Path, out: Path) -> int:
    """Turn what was collected into labels without text; returns how many."""
    known = {question.reference.key: question for question in map(Question.from_json, _lines(questions))}
    kept = [_packed(row, known[row["file"], row["row"], row["place"]]) for row in map(json.loads, _lines(rows))]
    kept.sort(key=lambda row: (row["file"], row["row"], row["place"]))
    with out.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.writelines(f"{json.dumps(row, separators=(',', ':'))}\n".encode() for row in kept)
    return len(kept)


def read(path: Path = LABELS) -> list[Label]:
    """The labels of a file that `pack` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [_label(json.loads(line)) for line in file]


def routing_rows(labels: Iterable[Label], data: Path) -> dict[str, list[str]]:
    """By task, lines for `edgewise train routing`: the labels with the questions' texts, from the public files."""
    texts = asked(data)
    found: dict[str, list[str]] = {}
    for label in labels:
        row = {
            "prompt": texts[label.key],
            "domain": label.task,
            "weak_correct": label.device_right,
            "strong_correct": label.cloud_right,
        }
        found.setdefault(label.task, []).append(json.dumps(row))
    return found


def _packed(row: Mapping[str, Any], question: Question) -> dict[str, Any]:
    first, *others = sorted(row["choices"], reverse=True) or [0.0]
    return {
        **{name: row[name] for name in ("task", "file", "row", "place", "sha", "weak_correct", "strong_correct")},
        "written": written_right(question.task, question.choices, question.gold, row["said"][0]),
        "tokens": [[round(value, 2) for value in token] for token in row["tokens"][:_MOST_TOKENS]],
        "choice_margin": round(first - others[0], 2) if others else None,
        "agreement": row.get("agreement"),
        "confidence": row["confidence"],
        "length": len(row["tokens"]),
        "prompt_tokens": row["prompt_tokens"],
        "device_ms": row["device_cpu_ms"],
        "device_joules": row["device_joules"],
        "cloud_tokens": row["cloud_tokens"],
    }


def _label(row: Mapping[str, Any]) -> Label:
    tokens: Sequence[Sequence[float]] = row["tokens"]
    same = ("task", "written", "choice_margin", "agreement", "confidence", "length", "prompt_tokens", "device_ms")
    return Label(
        **{name: row[name] for name in (*same, "device_joules", "cloud_tokens")},
        key=(row["file"], row["row"], row["place"]),
        device_right=row["weak_correct"],
        cloud_right=row["strong_correct"],
        tokens=tuple(TokenScore(logprob, entropy) for logprob, entropy, _ in tokens),
        margins=tuple(margin for _, _, margin in tokens),
    )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
