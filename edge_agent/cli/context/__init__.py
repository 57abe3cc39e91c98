"""`edgewise context`: what the device knows about its user; one module a command, or a few that belong together."""

from __future__ import annotations

import typer

from edge_agent.cli.context import (
    adding,
    embedding,
    encrypting,
    exporting,
    forgetting,
    importing,
    keeping,
    labelling,
    looking,
)

app = typer.Typer(
    help="Import, watch, add, search, list, forget, export and keep safe personal records.", no_args_is_help=True
)
app.command("import")(importing.import_)
app.command("watch")(importing.watch)
app.command("add")(adding.add)
app.command("embed")(embedding.embed)
app.command("search")(looking.search)
app.command("list")(looking.list_)
app.command("forget")(forgetting.forget)
app.command("export")(exporting.export)
app.command("stats")(looking.stats)
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("check")(keeping.check)
app.command("repair")(keeping.repair)
app.command("encrypt")(encrypting.encrypt)
app.command("decrypt")(encrypting.decrypt)
app.command("label")(labelling.label)
app.command("why")(labelling.why)
