"""The address where Prometheus looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from orchestrator.errors import ConfigError

_PATH: Final = "/metrics"


@asynccontextmanager
async def exposed(registry: CollectorRegistry, listen: str | None) -> AsyncIterator[str | None]:
    """Answer at `listen`, from here to the end of the block; gives the address, with the port that was chosen for 0.

    It runs on the event loop of what it shows, so nothing changes while it is read.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    if listen is None:
        yield None
        return
    from aiohttp import web  # only where it is wanted

    async def show(request: web.Request) -> web.Response:
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": kind})

    application = web.Application()
    application.router.add_get(_PATH, show)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    try:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except (OSError, OverflowError):
            raise ConfigError(f"metrics cannot listen on {listen}", remedy="is the port taken?") from None
        yield f"{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
