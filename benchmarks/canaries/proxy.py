"""A wire that remembers: between the device and the gateway, every byte in both directions; and it can break."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self

from benchmarks.canaries.wire import Http2


@dataclass(slots=True)
class Break:
    """What the link does to the answers that come over it, from the `after`th byte on."""

    after: int
    silent: bool = False
    """Nothing comes any more, instead of an end."""


@dataclass(slots=True)
class _Connection:
    up: Http2 = field(default_factory=Http2)
    down: Http2 = field(default_factory=Http2)


class Proxy:
    """Listens on a free port of this machine, and passes everything on."""

    def __init__(self) -> None:
        self.target: tuple[str, int] = ("127.0.0.1", 0)
        """Where the gateway is now: after a crash, it comes back at another port."""
        self.broken: Break | None = None
        self.bytes_up = 0
        self.bytes_down = 0
        self._connections: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        assert self._server is not None, "the proxy is not started"
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def take(self) -> tuple[bytes, bytes]:
        """What was said up to the gateway and down from it since the last call."""
        up = b"\n".join(connection.up.take() for connection in self._connections)
        down = b"\n".join(connection.down.take() for connection in self._connections)
        return up, down

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection(*self.target)
        except OSError:  # the gateway was killed
            return writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        connection = _Connection()
        self._connections.append(connection)
        ways = [
            asyncio.create_task(self._pass_up(connection, reader, inner_writer)),
            asyncio.create_task(self._pass_down(connection, inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            inner_writer.transport.abort()
            writer.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_up(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while received := await reader.read(65536):
            self.bytes_up += len(received)
            connection.up.feed(received)
            writer.write(received)
            await writer.drain()

    async def _pass_down(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while received := await reader.read(65536):
            self.bytes_down += len(received)
            connection.down.feed(received)
            passed += len(received)
            if self.broken is not None and passed > self.broken.after:
                if not self.broken.silent:
                    return
                continue
            writer.write(received)
            await writer.drain()
