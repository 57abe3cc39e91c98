"""`edgewise egress`: what left this device; one module a command, or a few that belong together."""

from __future__ import annotations

import typer

from edge_agent.cli.egress import checking, consenting, looking

app = typer.Typer(
    help="What left this device: when, to whom, under which rule, word for word. Written down before it leaves.",
    no_args_is_help=True,
)
app.command("list")(looking.list_)
app.command("show")(looking.show)
app.command("export")(checking.export)
app.command("verify")(checking.verify)
app.add_typer(consenting.app, name="consent")
