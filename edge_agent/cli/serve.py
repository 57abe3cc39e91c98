"""`edgewise serve`: the agent for any OpenAI client, and its dashboard."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.ask import RouteOption
from edge_agent.cli.opening import settings
from edge_agent.cli.terminal import ConfigOption, LocalOnlyOption
from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.config import Config


def serve(
    model: Annotated[
        str | None,
        typer.Option(help="The model on this device; with --route local, a plain server of just this model."),
    ] = None,
    route: Annotated[RouteOption | None, typer.Option(help="Where to answer. auto decides.")] = None,
    host: Annotated[str | None, typer.Option(help="Listen here; by default on this machine only.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="By default 8642; 0 takes a free one.")] = None,
    local_only: LocalOnlyOption = False,
    api_key_env: Annotated[
        str | None, typer.Option(help="Name of the environment variable with the key that callers must send.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve OpenAI's chat completions at http://127.0.0.1:8642/v1, and a live dashboard at /.

    Prints "listening on URL". Ends on Ctrl-C or SIGTERM; answers in flight get two seconds.
    """
    chosen = settings(config, local_only=local_only, model=model)
    changes = {"host": host, "port": port, "api_key_env": api_key_env}
    given = {name: value for name, value in changes.items() if value is not None}
    bare = model is not None and route is RouteOption.LOCAL
    chosen = chosen.model_copy(
        update={
            "model": chosen.model.model_copy(update={"batching": chosen.model.batching is not False}),
            "serve": chosen.serve.model_copy(update=given),
            "route": chosen.route if route is None else type(chosen.route)(route.value),
            "context": chosen.context.model_copy(update={"enabled": chosen.context.enabled and not bare}),
            "answer": chosen.answer.model_copy(update={"stop_repeating": chosen.answer.stop_repeating and not bare}),
        }
    )
    asyncio.run(_serve(chosen))


async def _serve(config: Config) -> None:
    from edge_agent.agent import AsyncAgent
    from edge_agent.cli.progress import shown_progress
    from edge_agent.serve.server import serve

    async with await AsyncAgent.open(config, progress=shown_progress()) as agent:
        await serve(
            agent,
            host=config.serve.host,
            port=config.serve.port,
            api_key=_key(config.serve.api_key_env),
            allow_open=config.serve.allow_open,
            on_listening=lambda url: typer.echo(f"listening on {url}"),
        )


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    if not (key := os.environ.get(name)):
        raise ConfigError(f"the environment variable {name} holds no key", remedy="set it, or leave out --api-key-env")
    return key
