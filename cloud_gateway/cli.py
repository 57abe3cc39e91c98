"""The command line: `edgewise-gateway`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.errors import EdgewiseError

app = typer.Typer(
    name="edgewise-gateway",
    no_args_is_help=True,
    help="gRPC in front of any OpenAI-compatible model server.",
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(no_args_is_help=True, help="API keys, stored hashed in a file.")
app.add_typer(keys_app, name="keys")

KeysFile = Annotated[Path, typer.Option("--file", help="The keys file, as keys_file in the configuration names it.")]
Name = Annotated[str, typer.Argument(help="Who the key is for.")]


@app.command()
def serve(
    config: Annotated[Path, typer.Option(help="The configuration, a YAML file.")],
    host: Annotated[str | None, typer.Option(help="Listen here instead.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here instead; 0 takes a free one.")] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. Prints "listening on HOST:PORT"; its log goes to stderr."""
    # grpc, aiohttp and pydantic take a moment: `--help` and `keys` do without.
    from cloud_gateway import logs, loop, server
    from cloud_gateway.reload import ConfigFile

    file = ConfigFile(config, host=host, port=port)
    logs.configure(sys.stderr)
    loop.run(server.serve(file, lambda at: typer.echo(f"listening on {at}")))


@app.command()
def ping(
    target: Annotated[str, typer.Argument(help="HOST:PORT of a gateway.")] = "127.0.0.1:50051",
    ca_file: Annotated[Path | None, typer.Option(help="Speak TLS, and trust this authority.")] = None,
) -> None:
    """Exit 0 if the gateway is up and can reach its model server: a container's health check."""
    from orchestrator.client import Gateway, TlsOptions

    with Gateway(target, tls=TlsOptions(ca_file=ca_file) if ca_file else None) as gateway:
        gateway.ping(timeout_ms=5_000)
    typer.echo(f"{target} is up")


@keys_app.command()
def create(name: Name, file: KeysFile) -> None:
    """Make a key and print it: this once, for it is stored nowhere."""
    from cloud_gateway import keys

    typer.echo(keys.create(file, name, now=datetime.now(UTC)))


@keys_app.command()
def revoke(name: Name, file: KeysFile) -> None:
    """Make a key worthless. Running gateways notice at their next call."""
    from cloud_gateway import keys

    keys.revoke(file, name, now=datetime.now(UTC))
    typer.echo(f"the key of {name} is revoked")


@keys_app.command(name="list")
def list_keys(file: KeysFile) -> None:
    """Who has a key, since when, and who had one."""
    from cloud_gateway import keys

    for key in keys.load(file):
        until = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "valid"
        typer.echo(f"{key.name}\t{key.created_at:%Y-%m-%d %H:%M}\t{until}")


def main() -> None:
    """Run the command line. Our own errors end in one line on stderr and status 1."""
    # gRPC's core writes notes of its own to stderr; the log there is one JSON object a line.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        app()
    except EdgewiseError as error:
        typer.echo(f"edgewise-gateway: {error}", err=True)
        raise SystemExit(1) from None
