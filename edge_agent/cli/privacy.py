"""`edgewise eval privacy`: how much of what is personal the device finds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.terminal import JsonOption, console

if TYPE_CHECKING:
    from edge_agent.privacy.evaluation import Labelled, Score

LabelledOption = Annotated[
    list[Path],
    typer.Option(
        "--data",
        exists=True,
        dir_okay=False,
        help="Texts whose personal stretches are known, as JSON lines, gzipped or not; again for more files.",
    ),
]
_PRESIDIO = "presidio"


def evaluate(data: LabelledOption, as_json: JsonOption = False) -> None:
    """How much of what is personal is found, over texts in which it is known.

    A line of a file holds `text` and `spans` (`type`, `value`, `start`, `end`). Characters are counted. In the row of a
    type, recall is the share of its characters that were found, as whatever; precision is the share of what was found
    as it that is personal. Beside it stands Presidio, where it is installed.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.privacy.detector import Detectors
    from edge_agent.privacy.evaluation import evaluate, read_labelled
    from edge_agent.privacy.names import Names
    from edge_agent.privacy.patterns import Patterns

    rows = [row for path in data for row in read_labelled(path)]
    scores = evaluate(rows, Detectors([Patterns(), Names()]), progress=shown_progress())
    peer = _presidio(rows)
    if as_json:
        beside = {_PRESIDIO: _as_json(peer)} if peer else {}
        typer.echo(json.dumps({**_as_json(scores), **beside}, indent=2))
    else:
        _print(len(rows), scores, peer)


def _presidio(rows: Sequence[Labelled]) -> Mapping[str, Score]:
    """Presidio's scores; none where it is not installed."""
    from edge_agent.cli.progress import shown_progress
    from edge_agent.privacy.evaluation import evaluate
    from edge_agent.privacy.presidio import Presidio, available

    if not available():
        return {}
    presidio = Presidio()
    progress = shown_progress()
    progress.note(f"beside it: Presidio as it comes, with {presidio.model}")
    return evaluate(rows, presidio, progress=progress)


def _as_json(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    return {
        name: {"precision": round(score.precision, 4), "recall": round(score.recall, 4), "f2": round(score.f2, 4)}
        for name, score in scores.items()
    }


def _print(texts: int, scores: Mapping[str, Score], peer: Mapping[str, Score]) -> None:
    from rich.table import Table

    table = Table("type", box=None, pad_edge=False)
    for name in ("", f"{_PRESIDIO} ") if peer else ("",):
        for figure in ("precision", "recall", "F2"):
            table.add_column(name + figure, justify="right")
    for name in sorted(scores.keys() | peer.keys(), key=lambda name: (name != "overall", name)):
        table.add_row(name, *_cells(scores, name), *(_cells(peer, name) if peer else ()))
    console().print(table)
    console().print(f"over the characters of {texts} text{'s' if texts != 1 else ''}")


def _cells(scores: Mapping[str, Score], name: str) -> tuple[str, ...]:
    score = scores.get(name)
    return ("–",) * 3 if score is None else tuple(f"{share:.3f}" for share in (score.precision, score.recall, score.f2))
