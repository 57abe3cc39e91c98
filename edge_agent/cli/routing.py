"""`edgewise eval routing` and `edgewise train routing`: a router's table, and a router from labels of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.terminal import JsonOption, console

if TYPE_CHECKING:
    from orchestrator.ports import Embedder
    from orchestrator.routing.curve import Score
    from orchestrator.routing.router import Router

LabelsOption = Annotated[
    list[Path],
    typer.Option(
        "--data",
        exists=True,
        dir_okay=False,
        help="Questions with known outcomes, as JSON lines, gzipped or not; again for more files.",
    ),
]
RouterOption = Annotated[str, typer.Option("--router", help="A router that comes with Edgewise, or a file.")]
OutOption = Annotated[Path, typer.Option("--out", help="Where the fitted router goes.")]
EmbeddingOption = Annotated[
    str, typer.Option("--embedding", help="An installed embedding model whose vectors the router may use, too.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of folds and trees: the same gives the same router.")]

training = typer.Typer(help="Fit deciding parts to labels of your own.", no_args_is_help=True)


@training.callback()
def group() -> None:
    """Fit deciding parts to labels of your own."""


def evaluate(data: LabelsOption, router: RouterOption = "edgewise", as_json: JsonOption = False) -> None:
    """How much of the gap between device and cloud a router recovers, over questions with known outcomes.

    A line of a file holds `prompt`, `weak_correct` and `strong_correct`. APGR is .5 for chance and 1 for a router that
    recovers all from the first call on; CPT50 is the share of questions, in percent, that must leave for half of the
    gap. Beside the router stand chance, the prompt's length, and the oracle, which knows the outcomes.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.routing.evaluation import evaluate
    from edge_agent.routing.labels import read_labels, require_own_names

    labels = [read_labels(path) for path in data]
    require_own_names(labels)
    judged, name = open_router(router)
    table = evaluate(labels, judged, name=name, embedder=open_embedder(judged.embedder), progress=shown_progress())
    if as_json:
        typer.echo(json.dumps({file: _as_json(scores) for file, scores in table.items()}, indent=2))
        return
    for file, scores in table.items():
        _print(file, scores)


@training.command("routing")
def train(
    data: LabelsOption,
    out: OutOption = Path("router.npz"),
    embedding: EmbeddingOption = "",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit a router to questions with known outcomes, and tell how good its like is on what was held out.

    Three results, apart: in domain (five folds), on subjects that were left out (where lines have a `domain`), and
    across data sets (each file by a router fitted on the others). Beside the first two stands what TF-IDF and a
    logistic regression make of the same folds. The file that is written was fitted on everything; `edgewise eval
    routing --router PATH` measures it on labels that it has not seen.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.routing.labels import read_labels, require_own_names
    from edge_agent.routing.training import train

    labels = [read_labels(path) for path in data]
    require_own_names(labels)
    fitted = train(labels, embedder=open_embedder(embedding), seed=seed, progress=shown_progress())
    fitted.router.save(out)
    results = {
        "in domain": fitted.in_domain,
        "in domain, TF-IDF": fitted.baseline,
        "unseen subjects": fitted.unseen_subjects,
        "unseen subjects, TF-IDF": fitted.unseen_baseline,
        "across data sets": fitted.across,
    }
    if as_json:
        typer.echo(json.dumps({_key(name): _as_json(found) for name, found in results.items()}, indent=2))
        return
    for name, found in results.items():
        if found:
            _print(name, found)
    console().print(f"fitted on {sum(each.size for each in labels)} questions: {out}")


def open_router(name: str) -> tuple[Router, str]:
    """The router and what the table calls it: a file by its stem."""
    from orchestrator.routing.router import Router

    return Router.named(name), Path(name).stem


def open_embedder(name: str) -> Embedder | None:
    """The embedding model of that name; without a name there is none, and without the model it is an error."""
    if not name:
        return None
    from edge_agent.embedder import SentenceEmbedder
    from edge_agent.slm.cores import usable_cores
    from edge_agent.slm.installed import installed
    from orchestrator.errors import ModelNotFound

    found = installed(name)
    if found is None:
        raise ModelNotFound(f"{name} is not on this device", remedy=f"edgewise models pull {name}")
    return SentenceEmbedder.open(found.path, threads=usable_cores())


def _key(name: str) -> str:
    return name.lower().replace(",", "").replace("-", "_").replace(" ", "_")


def _as_json(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            key: [round(each, 4) for each in value] if isinstance(value, tuple) else round(value, 4)
            for key, value in asdict(found).items()
        }
        for name, found in scores.items()
    }


def _print(title: str, scores: Mapping[str, Score]) -> None:
    from rich.table import Table

    table = Table(title, "APGR", "95 %", "CPT20", "CPT50", "CPT80", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, found in scores.items():
        low, high = found.apgr_ci
        calls = (f"{share:.1f} %" for share in (found.cpt20, found.cpt50, found.cpt80))
        table.add_row(name, f"{found.apgr:.3f}", f"{low:.3f}–{high:.3f}", *calls)
    console().print(table)
    console().print()
