"""The standard health service, told by what the upstreams say."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final, Protocol

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from orchestrator.ports import Clock

SERVICE: Final = "orchestrator.v1.GatewayService"
_STATES: Final = {
    True: health_pb2.HealthCheckResponse.SERVING,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
}
_FAREWELL_S: Final = 0.1
"""How long watchers have to hear that nothing is served any more."""


class Backend(Protocol):
    """Whose health is told."""

    @property
    def models(self) -> Collection[str]:
        """What can be asked for."""
        ...

    def serves(self, model: str) -> bool:
        """Whether a model server of this model is well, as far as is known."""
        ...

    async def probe(self) -> bool:
        """Ask the model servers whose turn it is; whether one of all is there."""
        ...


class Health:
    """`""` is the process itself; `SERVICE` serves while an upstream can be reached, and `SERVICE/MODEL` while one of
    that model can, and has not failed too often."""

    def __init__(self, backend: Backend, clock: Clock, *, interval_s: float) -> None:
        """Ask `backend` every `interval_s` seconds, once `watch` runs."""
        self._backend = backend
        self._told: frozenset[str] = frozenset()
        self._clock = clock
        self._interval_s = interval_s
        self.servicer = _Servicer()
        """Answers the calls of the service."""

    def configure(self, backend: Backend, *, interval_s: float) -> None:
        """Ask `backend` from now on."""
        self._backend = backend
        self._interval_s = interval_s

    def register(self, server: grpc.aio.Server) -> None:
        """Answer on `server`, without a key."""
        health_pb2_grpc.add_HealthServicer_to_server(self.servicer, server)

    async def check(self) -> None:
        """Ask once, and tell."""
        backend = self._backend
        await self.servicer.set(SERVICE, _STATES[await backend.probe()])
        models = frozenset(backend.models)
        for model in models:
            await self.servicer.set(f"{SERVICE}/{model}", _STATES[backend.serves(model)])
        for model in self._told - models:  # that a new configuration has not any more
            await self.servicer.set(f"{SERVICE}/{model}", health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        self._told = models

    async def watch(self) -> None:
        """Ask for ever."""
        while True:
            await self._clock.sleep(self._interval_s)
            await self.check()

    async def stop(self) -> None:
        """Say from now on that nothing is served, so that load balancers look elsewhere, and let no watcher linger."""
        await self.servicer.enter_graceful_shutdown()
        await self._clock.sleep(_FAREWELL_S)
        self.servicer.end_watches()


class _Servicer(health.aio.HealthServicer):  # type: ignore[misc, name-defined]  # the stubs lack this module
    """The standard servicer, whose watches would otherwise hold a server that drains for as long as it may take."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = asyncio.Event()

    def end_watches(self) -> None:
        """Let every `Watch` return."""
        self._ended.set()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Stream the state of a service, until the end of the server."""
        watching = asyncio.create_task(super().Watch(request, context))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait([watching, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            ended.cancel()
            await asyncio.gather(watching, ended, return_exceptions=True)
