"""`edgewise egress consent`: what was allowed or refused once and for all."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.context.shown import counted, print_json, styled
from edge_agent.cli.egress.opening import opened
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest
from orchestrator.types import Sensitivity

app = typer.Typer(help="What you allowed or refused once and for all, where a rule says ask.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List what is remembered: for which label and destination you said always or never."""
    with opened(config) as log:
        remembered = log.consents.list()
    if as_json:
        plain = (
            {
                "label": each.label.value,
                "destination": each.destination,
                "allowed": each.allowed,
                "at": each.at.isoformat(),
            }
            for each in remembered
        )
        print_json(list(plain))
        return
    if not remembered:
        console().print("Nothing is remembered: where a rule says ask, you are asked each time.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("label", "to", "said", "when", box=None, pad_edge=False)
    for each in remembered:
        said = "always" if each.allowed else "never"
        table.add_row(styled(each.label), Text(each.destination), said, f"{each.at.astimezone():%Y-%m-%d %H:%M}")
    console().print(table)


@app.command("revoke")
def revoke(
    destination: Annotated[
        str | None, typer.Argument(metavar="HOST:PORT", help="Of this destination.", show_default=False)
    ] = None,
    label: Annotated[
        Sensitivity | None, typer.Option("--label", help="Of this label alone.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Of every destination.")] = False,
    config: ConfigOption = None,
) -> None:
    """Forget what you said: from the next question on you are asked again.

    \b
      edgewise egress consent revoke models.example:8443
      edgewise egress consent revoke --all
    """
    if (destination is None) != everything:
        raise InvalidRequest("of which destination?", remedy="name it as `edgewise egress consent list` does, or --all")
    with opened(config) as log:
        count = log.consents.revoke(destination, label)
    console().print(f"Revoked {counted(count, 'consent')}.")
