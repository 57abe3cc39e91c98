"""The gateway's process on gRPC's own server: started, and stopped without cutting anybody off."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import grpc
import grpc.aio

from cloud_gateway import logs, transport
from cloud_gateway.assembly import Assembly, assembled
from cloud_gateway.certificates import Certificates
from cloud_gateway.config import GatewayConfig
from cloud_gateway.interceptors import CallInterceptor
from cloud_gateway.reload import ConfigFile, Reloader
from cloud_gateway.telemetry import inspection
from cloud_gateway.telemetry.exposition import exposed
from orchestrator.clock import SystemClock
from orchestrator.errors import ConfigError
from orchestrator.ports import Clock
from orchestrator.v1 import gateway_service_pb2_grpc

_GOODBYE_S: Final = 1.0
"""How long statuses that were sent last have to leave."""


class GatewayServer:
    """A gateway that listens."""

    def __init__(self, server: grpc.aio.Server, assembly: Assembly, address: str, metrics_address: str | None) -> None:
        self.address = address
        """`host:port`, with the port that was chosen where 0 was asked for."""
        self.metrics_address = metrics_address
        """Where Prometheus looks, where it may."""
        self.assembly = assembly
        """What answers the calls."""
        self._server = server

    async def drain(self, grace_s: float) -> None:
        """Take no more calls, let those under way end, and after `grace_s` seconds tell the rest that it is over.

        New calls are answered all that time: with the advice to ask elsewhere.
        """
        gate = self.assembly.gate
        gate.close()
        self.assembly.admission.close()
        await self.assembly.health.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await gate.empty()
        gate.end()
        await gate.empty()
        await self._server.stop(_GOODBYE_S)


@asynccontextmanager
async def running(
    config: GatewayConfig, *, environment: Mapping[str, str] = os.environ, clock: Clock | None = None
) -> AsyncIterator[GatewayServer]:
    """A gateway that listens from here to the end of the block.

    Raises:
        ConfigError: a key or a certificate is missing, or the address cannot be listened on.
        CloudUnavailable: the state that it shares with other gateways cannot be reached.
    """
    clock = clock or SystemClock()
    async with (
        assembled(config, environment=environment, clock=clock) as assembly,
        exposed(assembly.metrics.registry, config.metrics.listen) as metrics_address,
    ):
        server = grpc.aio.server(
            interceptors=[CallInterceptor(assembly.rules, arrival_s=config.connections.request_s)],
            options=transport.options(config),
        )
        gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(assembly.service, server)
        assembly.health.register(server)
        inspection.register(server, config.debug)
        gateway = GatewayServer(server, assembly, _listen(server, config), metrics_address)
        await assembly.health.check()
        await server.start()
        watching = asyncio.create_task(assembly.watch())
        try:
            yield gateway
        finally:
            watching.cancel()
            await gateway.drain(0)


async def serve(file: ConfigFile, announce: Callable[[str], None]) -> None:
    """Listen, `announce` the address, and end at SIGTERM or SIGINT: gracefully at the first, at once at the second.

    SIGHUP, or a change of the file, makes it read its configuration again.

    Raises:
        ConfigError: see `running`; or the file is broken.
        CloudUnavailable: see `running`.
    """
    clock, config = SystemClock(), file.read()
    logs.show(config.log.level)
    loop = asyncio.get_running_loop()
    asked, insisted = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (insisted if asked.is_set() else asked).set())
    async with running(config, clock=clock) as gateway:
        reloader = Reloader(file, config, gateway.assembly, clock)
        loop.add_signal_handler(signal.SIGHUP, reloader.reload)
        watching = asyncio.create_task(reloader.watch())
        # What was imported stays: the collector would look it through now and then, 20 ms in which nobody is answered.
        gc.collect()
        gc.freeze()
        announce(gateway.address)
        await asked.wait()
        watching.cancel()
        drained = asyncio.create_task(gateway.drain(reloader.config.drain_s))
        second = asyncio.create_task(insisted.wait())
        await asyncio.wait([drained, second], return_when=asyncio.FIRST_COMPLETED)
        second.cancel()
    await drained


def _listen(server: grpc.aio.Server, config: GatewayConfig) -> str:
    host = config.listen.rpartition(":")[0]
    credentials = Certificates(config.tls).credentials if config.tls else None
    try:
        if credentials is None:
            port = server.add_insecure_port(config.listen)
        else:
            port = server.add_secure_port(config.listen, credentials)
    except RuntimeError:
        port = 0
    if port == 0:
        raise ConfigError(
            f"cannot listen on {config.listen}", remedy="is the port taken, or the address another machine's?"
        )
    return f"{host}:{port}"
