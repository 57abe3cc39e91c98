"""`edgewise eval`: how good the deciding parts are, on data of yours or of the public."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli import privacy, promise, routing
from edge_agent.cli.terminal import JsonOption, console

if TYPE_CHECKING:
    from edge_agent.context.evaluation import Report
    from orchestrator.ports import Embedder

app = typer.Typer(help="Measure recall, routing and detection on data with known answers.", no_args_is_help=True)

DataOption = Annotated[
    list[Path],
    typer.Option(
        "--data", exists=True, dir_okay=False, help="JSON lines, gzipped or not; give the option again for more files."
    ),
]
WordsOption = Annotated[
    bool, typer.Option("--words-only", help="Recall without the embedding model, by words, people and times alone.")
]


@app.callback()
def group() -> None:
    """Measure recall, routing and detection on data with known answers."""


app.command("routing")(routing.evaluate)
app.command("promise")(promise.promise)
app.command("privacy")(privacy.evaluate)


@app.command()
def memory(data: DataOption, words_only: WordsOption = False, as_json: JsonOption = False) -> None:
    """How much of the evidence recall finds, over conversations in LoCoMo's format.

    Recall@k is the share of a question's evidence among the first k records, averaged over questions. `all` leaves out
    category 5: its questions have no answer, and their evidence is what a careless recall would fall for. The
    separation is the chance that recall is more confident of a question with an answer than of one without.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.context.evaluation import evaluate, read_conversations

    conversations = [conversation for path in data for conversation in read_conversations(path)]
    report = evaluate(conversations, None if words_only else _embedder(), progress=shown_progress())
    if as_json:
        typer.echo(json.dumps(_as_json(report), indent=2))
    else:
        _print(report)


def _embedder() -> Embedder:
    from edge_agent.assembly import chosen_embedder
    from edge_agent.cli.progress import shown_progress
    from edge_agent.config import Config
    from edge_agent.slm.cores import usable_cores

    return chosen_embedder(Config.load(), shown_progress(), threads=usable_cores())


def _as_json(report: Report) -> dict[str, object]:
    recall = {
        name: {f"recall@{cutoff}": round(share, 4) for cutoff, share in quality.recall.items()}
        for name, quality in report.quality.items()
    }
    confidence = {
        "auroc": None if report.separation is None else round(report.separation, 4),
        "mean": {name: round(quality.confidence, 4) for name, quality in report.quality.items()},
        "unsure": {name: round(quality.unsure, 4) for name, quality in report.quality.items()},
    }
    return {**recall, "confidence": confidence}


def _print(report: Report) -> None:
    from rich.table import Table

    from edge_agent.context.evaluation import CUTOFFS

    cutoffs = (f"recall@{cutoff}" for cutoff in CUTOFFS)
    table = Table("category", "questions", *cutoffs, "confidence", "unsure", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, quality in report.quality.items():
        shares = (f"{quality.recall[cutoff]:.3f}" for cutoff in CUTOFFS)
        table.add_row(name, str(quality.questions), *shares, f"{quality.confidence:.2f}", f"{quality.unsure:.2f}")
    console().print(table)
    if report.separation is not None:
        console().print(f"separation of questions with and without an answer: {report.separation:.3f}")
