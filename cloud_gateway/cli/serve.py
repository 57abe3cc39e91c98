"""`edgewise-gateway serve` and `ping`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


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
    logs.look_up_less()
    loop.run(server.serve(file, lambda at: typer.echo(f"listening on {at}")))


def ping(
    target: Annotated[str, typer.Argument(help="HOST:PORT of a gateway.")] = "127.0.0.1:50051",
    ca_file: Annotated[Path | None, typer.Option(help="Speak TLS, and trust this authority.")] = None,
) -> None:
    """Exit 0 if the gateway is up and can reach its model server: a container's health check."""
    from orchestrator.client import Gateway, TlsOptions

    with Gateway(target, tls=TlsOptions(ca_file=ca_file) if ca_file else None) as gateway:
        gateway.ping(timeout_ms=5_000)
    typer.echo(f"{target} is up")
