"""The gateway's process on gRPC's own server: started, and stopped without cutting anybody off."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from cloud_gateway.assembly import Assembly, assembled
from cloud_gateway.config import GatewayConfig
from cloud_gateway.interceptors import CallInterceptor
from cloud_gateway.reload import ConfigFile, Reloader
from cloud_gateway.sections.tls import TlsSection
from cloud_gateway.telemetry.exposition import exposed
from orchestrator.clock import SystemClock
from orchestrator.errors import ConfigError
from orchestrator.ports import Clock
from orchestrator.v1 import gateway_service_pb2_grpc

_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    # Two gateways on one port would share the calls by chance; the second one gets an error instead.
    ("grpc.so_reuseport", 0),
    # Clients may look every 10 s whether the link still lives, while they wait for an answer.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Metadata is an API key and little else.
    ("grpc.max_metadata_size", 16 * 1024),
    # Calls that the process has not even taken: room for a burst, and no more, for they make all later ones wait.
    # gRPC's core drops others, which costs little: at random between these two, and above the second all.
    ("grpc.server.max_pending_requests", 512),
    ("grpc.server.max_pending_requests_hard_limit", 1024),
)
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
            interceptors=[CallInterceptor(assembly.rules)],
            options=[
                *_OPTIONS,
                ("grpc.max_receive_message_length", config.limits.message_bytes),
                ("grpc.max_send_message_length", config.limits.message_bytes),
            ],
        )
        gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(assembly.service, server)
        assembly.health.register(server)
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
    loop = asyncio.get_running_loop()
    asked, insisted = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (insisted if asked.is_set() else asked).set())
    async with running(config, clock=clock) as gateway:
        reloader = Reloader(file, config, gateway.assembly, clock)
        loop.add_signal_handler(signal.SIGHUP, reloader.reload)
        watching = asyncio.create_task(reloader.watch())
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
    try:
        if config.tls is None:
            port = server.add_insecure_port(config.listen)
        else:
            port = server.add_secure_port(config.listen, _credentials(config.tls))
    except RuntimeError:
        port = 0
    if port == 0:
        remedy = "is the port taken, or the address another machine's?"
        raise ConfigError(
            f"cannot listen on {config.listen}",
            remedy=f"{remedy} Do certificate and key belong together?" if config.tls else remedy,
        )
    return f"{host}:{port}"


def _credentials(tls: TlsSection) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(_pem(tls.key_file), _pem(tls.certificate_file))])


def _pem(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"the TLS file {file} cannot be read: {error.strerror}") from None
