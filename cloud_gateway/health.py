"""The standard health service, told by what the upstream says."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from orchestrator.ports import Clock

SERVICE: Final = "orchestrator.v1.GatewayService"
_log = logging.getLogger(__name__)


class Health:
    """`""` is the process itself; `SERVICE` serves while the upstream can be reached."""

    def __init__(self, reachable: Callable[[], Awaitable[bool]], clock: Clock, *, interval_s: float) -> None:
        """Ask `reachable` every `interval_s` seconds, once `watch` runs."""
        self._reachable = reachable
        self._clock = clock
        self._interval_s = interval_s
        self._servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs lack this module
        self._last: bool | None = None

    def register(self, server: grpc.aio.Server) -> None:
        """Answer on `server`, without a key."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def check(self) -> None:
        """Ask once, and tell."""
        up = await self._reachable()
        if up != self._last:
            _log.log(logging.INFO if up else logging.WARNING, "upstream", extra={"fields": {"reachable": up}})
            self._last = up
        state = health_pb2.HealthCheckResponse.SERVING if up else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._servicer.set(SERVICE, state)

    async def watch(self) -> None:
        """Ask for ever."""
        while True:
            await self._clock.sleep(self._interval_s)
            await self.check()

    async def stop(self) -> None:
        """Say from now on that nothing is served, so that load balancers look elsewhere."""
        await self._servicer.enter_graceful_shutdown()
