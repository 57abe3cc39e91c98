"""The command line: `edgewise-gateway`.

serve    run a gateway, and ask whether one is up
keys     who may call, and what they may do
usage    what keys and tenants have used
config   what a gateway is told
table    columns of plain text
"""

from __future__ import annotations

import os

import typer

from cloud_gateway.cli import config, keys, serve, usage
from orchestrator.errors import EdgewiseError

app = typer.Typer(
    name="edgewise-gateway",
    no_args_is_help=True,
    help="""gRPC in front of model servers: keys, quotas, one bill for one request.

\b
A first gateway:
  edgewise-gateway keys create phone --file keys.json --requests-per-minute 60 --usd-per-month 5
  edgewise-gateway serve --config gateway.yaml
  edgewise-gateway ping 127.0.0.1:50051
""",
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(serve.ping)
app.add_typer(keys.app, name="keys")
app.command()(usage.usage)
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command line. Our own errors end in one line on stderr and status 1."""
    # gRPC's core writes notes of its own to stderr; the log there is one JSON object a line.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        app()
    except EdgewiseError as error:
        typer.echo(f"edgewise-gateway: {error}", err=True)
        raise SystemExit(1) from None
