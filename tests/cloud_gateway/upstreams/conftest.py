"""Pools before real servers on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from random import Random
from typing import Any

import pytest

from cloud_gateway.sections.models import ModelSection
from cloud_gateway.sections.pool import PoolSection
from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.pool import Pool
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock
from simulation.upstream import Reply, SimulatedUpstream

Servers = Callable[..., AbstractAsyncContextManager[dict[str, SimulatedUpstream]]]
Pools = Callable[..., AbstractAsyncContextManager[Pool]]


@pytest.fixture
def servers() -> Servers:
    """Starts a server for each keyword argument, with its replies."""

    @asynccontextmanager
    async def start(**replies: Reply | list[Reply]) -> AsyncIterator[dict[str, SimulatedUpstream]]:
        async with AsyncExitStack() as stack:
            yield {
                name: await stack.enter_async_context(
                    SimulatedUpstream(*(reply if isinstance(reply, list) else [reply]))
                )
                for name, reply in replies.items()
            }

    return start


@pytest.fixture
def pools() -> Pools:
    """Opens a pool before servers: `keys` by upstream, `pool` for its section, `model` for that of the model."""

    @asynccontextmanager
    async def open_pool(
        servers: dict[str, SimulatedUpstream],
        *,
        keys: dict[str, dict[str, Any]] | None = None,
        pool: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> AsyncIterator[Pool]:
        upstreams = {
            name: UpstreamSection(base_url=server.base_url, **(keys or {}).get(name, {}))
            for name, server in servers.items()
        }
        prices = {"usd_per_million_prompt_tokens": 1, "usd_per_million_completion_tokens": 1}
        models = [ModelSection.model_validate({"name": "small", "context_tokens": 4096, **prices, **(model or {})})]
        opened = Pool(
            PoolSection(**(pool or {})),
            upstreams,
            models,
            environment={},
            clock=clock or SystemClock(),
            random=Random(7),
        )
        async with aclosing(opened):
            yield opened

    return open_pool
