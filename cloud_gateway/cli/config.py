"""`edgewise-gateway config`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from cloud_gateway.config import GatewayConfig

app = typer.Typer(no_args_is_help=True, help="What a gateway is told.")
_HIDDEN: Final = "***"
_USER: Final = re.compile(r"(?<=://)[^/?#]*@")
_QUERY: Final = re.compile(r"(?<=\?).*", re.DOTALL)


@app.command()
def show(config: Annotated[Path, typer.Option(help="The configuration, a YAML file.")]) -> None:
    """Print what counts: the file, the environment over it, and every default. Status 1 where something is wrong.

    Secrets are named by their variables and not looked up; what a URL has of users, passwords and queries is hidden.
    """
    import yaml

    from cloud_gateway.certificates import Certificates
    from cloud_gateway.config import GatewayConfig

    read = GatewayConfig.read(config)
    if read.tls is not None:
        Certificates(read.tls)
    typer.echo(yaml.safe_dump(shown(read), sort_keys=False, allow_unicode=True).rstrip())


def shown(config: GatewayConfig) -> dict[str, Any]:
    """Everything in it that is set, as YAML takes it, with no secret."""
    safe: dict[str, Any] = _safe(config.model_dump(mode="json", exclude_none=True))
    return safe


def _safe(value: Any) -> Any:
    match value:
        case dict():
            return {name: _safe(inner) for name, inner in value.items()}
        case list():
            return [_safe(inner) for inner in value]
        case str() if "://" in value:
            return _QUERY.sub(_HIDDEN, _USER.sub(f"{_HIDDEN}@", value))
    return value
