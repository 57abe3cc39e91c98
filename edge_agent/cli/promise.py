"""`edgewise eval promise`: the threshold that keeps a promise, and how often it would have been broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.routing import LabelsOption, RouterOption, open_embedder, open_router
from edge_agent.cli.terminal import JsonOption, console

if TYPE_CHECKING:
    from edge_agent.routing.verification import Verification

WorseOption = Annotated[
    float | None, typer.Option("--at-most-worse", help="Right answers lost against the cloud alone: .02 for 2 in 100.")
]
LeavingOption = Annotated[float | None, typer.Option("--at-most-leaving", help="The share that may leave: .3.")]
ConfidenceOption = Annotated[float, typer.Option("--confidence", help="The chance that the promise holds.")]
SplitsOption = Annotated[int, typer.Option("--splits", min=1, help="How often each file is split in halves.")]


def promise(
    data: LabelsOption,
    at_most_worse: WorseOption = None,
    at_most_leaving: LeavingOption = None,
    confidence: ConfidenceOption = 0.9,
    router: RouterOption = "edgewise",
    splits: SplitsOption = 200,
    as_json: JsonOption = False,
) -> None:
    """Choose the threshold that keeps a promise, and try it: calibrated on one half of a file, broken on the other?

    Give questions that the router was not fitted on, else it seems to keep more at home than it will.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.routing.labels import read_labels, require_own_names
    from edge_agent.routing.training import read
    from edge_agent.routing.verification import verify
    from orchestrator.routing.calibration import Calibration
    from orchestrator.routing.promise import Promise

    promised = Promise(at_most_worse=at_most_worse, at_most_leaving=at_most_leaving, confidence=confidence)
    files = [read_labels(path) for path in data]
    require_own_names(files)
    judge, _ = open_router(router)
    embedder, progress = open_embedder(judge.embedder), shown_progress()
    found = {}
    for labels in files:
        uplift = [judge.judge(reading).uplift for reading in read(labels.questions, embedder, progress)]
        rows = Calibration.of(uplift, labels.outcomes.device, labels.outcomes.cloud)
        found[labels.name] = verify(promised, rows, splits=splits, progress=progress)
    if as_json:
        typer.echo(json.dumps({name: asdict(each) for name, each in found.items()}, indent=2))
    else:
        _print(found)
        for name in found.keys() & {source.name for source in judge.sources}:
            console().print(
                f"{name}: the router was fitted on a file of that name; less will stay than it seems", markup=False
            )


def _print(found: dict[str, Verification]) -> None:
    from rich.table import Table

    table = Table("file", "questions", "threshold", "worse", "leaving", "promised", "broken", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, each in found.items():
        threshold = "none" if each.threshold is None else f"{each.threshold:.3f}"
        shares = (f"{share:.1%}" for share in (each.worse, each.leaving, each.promised, each.broken))
        table.add_row(name, str(each.questions), threshold, *shares)
    console().print(table)
    for name, each in found.items():
        if each.threshold is None:
            cautious = "every question goes to the cloud" if each.promise.about_quality else "no question leaves"
            console().print(f"{name}: no threshold can be promised from these questions, so {cautious}", markup=False)
