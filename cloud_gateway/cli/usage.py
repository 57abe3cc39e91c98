"""`edgewise-gateway usage`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud_gateway.accounts.windows import Resource
from cloud_gateway.cli.table import table
from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from cloud_gateway.call import Caller
    from cloud_gateway.config import GatewayConfig
    from orchestrator.accounts import Quantity, WindowUsage


def usage(
    config: Annotated[Path, typer.Option(help="The configuration of the gateways, with its section state.")],
    key: Annotated[str | None, typer.Option(help="The key of this name alone.")] = None,
    tenant: Annotated[str | None, typer.Option(help="This tenant and its keys alone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list, for programs.")] = False,
) -> None:
    """What keys and tenants have used in the present minute, hour, day and month.

    Reads the Redis that the gateways share. A gateway on its own keeps its accounts in memory: a caller asks it with
    usage() of the SDK, or the rpc GetUsage.
    """
    import msgspec

    from cloud_gateway.config import GatewayConfig

    loaded = GatewayConfig.read(config)
    windows = asyncio.run(_read(loaded, _chosen(_callers(loaded), key, tenant)))
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(windows), indent=2))
        return
    head = ("OWNER", "NAME", "WINDOW", "OPENS AGAIN (UTC)", "REQUESTS", "TOKENS", "USD")
    typer.echo(table(head, [_row(window) for window in windows]))


def _callers(config: GatewayConfig) -> list[Caller]:
    """Everybody who has a key or had one, by name. What their keys are is not needed."""
    from cloud_gateway import keys
    from cloud_gateway.auth import ANONYMOUS

    known = {section.name: keys.caller(section.name, section.scope) for section in config.keys}
    known |= {key.name: key.caller for key in (keys.load(config.keys_file) if config.keys_file else ())}
    if config.allow_anonymous:
        known[ANONYMOUS.name] = ANONYMOUS
    return [known[name] for name in sorted(known)]


def _chosen(callers: Sequence[Caller], key: str | None, tenant: str | None) -> list[Caller]:
    chosen = [
        caller
        for caller in callers
        if (key is None or caller.name == key) and (tenant is None or caller.tenant == tenant)
    ]
    if not chosen:
        wanted = " and ".join(
            f"{kind} {name!r}" for kind, name in (("key", key), ("tenant", tenant)) if name is not None
        )
        raise ConfigError(f"no key is known{' with ' + wanted if wanted else ''}", remedy="`keys list` shows them")
    return chosen


async def _read(config: GatewayConfig, callers: Sequence[Caller]) -> list[WindowUsage]:
    """The windows of keys, then those of tenants, each once."""
    from cloud_gateway.accounts.accounts import Accounts
    from cloud_gateway.accounts.shared import RedisBooks
    from cloud_gateway.state import opened
    from orchestrator.accounts import Owner
    from orchestrator.clock import SystemClock

    async with opened(config.state, os.environ) as state:
        if state is None:
            raise ConfigError(
                "the accounts are in the gateway's memory, as the configuration has no section state",
                remedy="ask the gateway with usage() of the SDK, or let it share a Redis",
            )
        limits = {tenant.name: tenant.quota.limits for tenant in config.tenants}
        accounts = Accounts(RedisBooks(state, keep_s=config.replay.keep_s), limits, config.accounts, SystemClock())
        windows = [window for caller in callers for window in await accounts.usage(caller)]
    once = {(window.owner, window.name, window.stretch): window for window in windows}
    return sorted(once.values(), key=lambda window: (window.owner is Owner.TENANT, window.name))


def _row(window: WindowUsage) -> tuple[str, ...]:
    return (
        window.owner,
        window.name,
        window.stretch,
        f"{window.ends:%Y-%m-%d %H:%M}",
        _cell(Resource.REQUESTS, window.requests),
        _cell(Resource.TOKENS, window.tokens),
        _cell(Resource.NANO_USD, window.nano_usd),
    )


def _cell(resource: Resource, quantity: Quantity) -> str:
    """Spent, reserved, and the limit: "12 + 3 of 100"."""

    def say(value: int) -> str:
        return resource.in_words(value).partition(" ")[0]

    reserved = f" + {say(quantity.reserved)}" if quantity.reserved else ""
    limit = "" if quantity.limit is None else f" of {say(quantity.limit)}"
    return f"{say(quantity.spent)}{reserved}{limit}"
