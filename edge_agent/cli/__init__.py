"""The `edgewise` command line: one module a command."""

from __future__ import annotations

import os
import sys

import typer

from edge_agent.cli import (
    ask,
    chat,
    context,
    demo,
    doctor,
    egress,
    eval,
    feedback,
    ledger,
    mcp,
    models,
    profile,
    report,
    routing,
    serve,
    why,
)
from edge_agent.cli.terminal import errors_to

app = typer.Typer(
    name="edgewise",
    help="A language model on this device that knows its user, and asks the cloud when that pays and may be.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("ask")(ask.ask)
app.add_typer(chat.app, name="chat")
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.add_typer(context.app, name="context", help="What the agent knows about its user.")
app.add_typer(models.app, name="models", help="Models on this device.")
app.add_typer(egress.app, name="egress")
app.command("why")(why.why)
app.command("feedback")(feedback.feedback)
app.command("ledger")(ledger.ledger)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("profile")(profile.profile)
app.add_typer(eval.app, name="eval", help="How good recall and routing are, on data with known answers.")
app.add_typer(routing.training, name="train", help="Fit deciding parts to labels of your own.")
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line. No traceback reaches a user; Ctrl-C ends with status 130."""
    # gRPC's core writes notes of its own to stderr when a gateway goes away; ours say it in words.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with errors_to(sys.stderr):
        app()
