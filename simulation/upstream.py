"""A simulated model server: every format, each below its own path; scripted answers, and every fault there is.

It is a real HTTP/1.1 server on a real socket, written on asyncio streams because a framework would not let it break the
protocol. Tests run it in process; `python -m simulation.upstream` runs it alone, for benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from simulation.formats.anthropic import AnthropicSpoken
from simulation.formats.gemini import GeminiSpoken
from simulation.formats.openai import OpenAiSpoken
from simulation.reply import Reply, Spoken, frame

__all__ = ["FORMATS", "Reply", "Seen", "SimulatedUpstream"]

FORMATS: Final[Mapping[str, Spoken]] = {
    "openai": OpenAiSpoken(),
    "anthropic": AnthropicSpoken(),
    "gemini": GeminiSpoken(),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A chat as it arrived."""

    body: dict[str, Any]
    headers: dict[str, str]


class SimulatedUpstream:
    """The server. `async with SimulatedUpstream(reply) as upstream:` listens on a free port of this machine."""

    def __init__(self, *replies: Reply) -> None:
        """The first reply is for the first chat, the last for all that come after."""
        self.replies = list(replies) or [Reply()]
        self.chats = 0
        """How many chats came in all."""
        self.connections = 0
        """How many were made in all."""
        self.events_sent = 0
        """How many events of streams the clients' side has taken off, in all."""
        self.seen: deque[Seen] = deque(maxlen=1000)
        """The latest of them."""
        self.models_status = 200
        """What `/v1/models` answers."""
        self.holding = asyncio.Event()
        """Set when a reply has come to its `hold_after`."""
        self.release = asyncio.Event()
        self.disconnected = asyncio.Event()
        """Set when a client went away while a reply was held."""
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connection, host, port)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "the server is not started"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        """For a client of the OpenAI-compatible format."""
        return self.url("openai")

    def url(self, spoken: str) -> str:
        """The base URL for a client of one of the formats."""
        return f"http://127.0.0.1:{self.port}{FORMATS[spoken].root}"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow on the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = head[0].split(" ", 2)
        spoken = next((one for one in FORMATS.values() if path.startswith(one.root + "/")), FORMATS["openai"])
        path = path.removeprefix(spoken.root)
        body = json.loads(content) if method == "POST" else {}
        streams = spoken.streams(path, body) if method == "POST" else None
        if streams is None:
            await _whole(writer, self.models_status if path == "/models" else 404, b'{"object":"list","data":[]}')
            return True
        self.chats += 1
        self.seen.append(Seen(body, headers))
        reply = self.replies[min(self.chats, len(self.replies)) - 1].to(spoken, body)
        if reply.break_after == -1:
            return False
        if reply.first_ms:
            await asyncio.sleep(reply.first_ms / 1000)
        if reply.body is not None or reply.status != 200:
            await _whole(writer, reply.status, reply.body or b"", reply.headers)
            return True
        if streams:
            return await self._stream(spoken, reply, body, reader, writer)
        if not await self._may_go_on(reply, len(reply.pieces), reader):
            return False
        await _whole(writer, 200, spoken.whole(reply, body), reply.headers)
        return True

    async def _stream(
        self,
        spoken: Spoken,
        reply: Reply,
        body: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        headers = {"Content-Type": "text/event-stream"} | dict(reply.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{lines}\r\n".encode())
        if not await self._may_go_on(reply, 0, reader):
            return False
        said = 0
        custom = ((frame(data), True) for data in reply.events or ())
        for event, is_piece in custom if reply.events else spoken.frames(reply, body):
            writer.write(_chunked(event))
            await writer.drain()
            self.events_sent += 1
            if reply.between_ms:
                await asyncio.sleep(reply.between_ms / 1000)
            said += is_piece
            if is_piece and not await self._may_go_on(reply, said, reader):
                return False
        if reply.done and spoken.last:
            writer.write(_chunked(spoken.last))
            await writer.drain()
        writer.write(b"0\r\n\r\n")  # apart, as most servers do
        await writer.drain()
        return True

    async def _may_go_on(self, reply: Reply, said: int, reader: asyncio.StreamReader) -> bool:
        """Hold or break, where the reply says so here; whether the connection goes on."""
        if reply.break_after == said:
            return False
        if reply.hold_after != said:
            return True
        self.holding.set()
        gone = asyncio.create_task(reader.read(1))
        released = asyncio.create_task(self.release.wait())
        try:
            await asyncio.wait([gone, released], return_when=asyncio.FIRST_COMPLETED)
            if released.done():
                return True
            self.disconnected.set()
            return False
        finally:
            for task in (gone, released):
                task.cancel()
            await asyncio.gather(gone, released, return_exceptions=True)


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))} | dict(headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Simulated\r\n{lines}\r\n".encode() + body)
    await writer.drain()


def _chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def _serve(host: str, port: int, reply: Reply) -> None:
    upstream = SimulatedUpstream(reply)
    await upstream.start(port, host)
    try:
        sys.stdout.write(f"listening on {host}:{upstream.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    finally:
        await upstream.stop()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A simulated model server.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; by default on this machine alone")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of every answer")
    parser.add_argument("--first-ms", type=float, default=0.0, help="milliseconds until an answer begins")
    parser.add_argument("--between-ms", type=float, default=0.0, help="milliseconds between two tokens of a stream")
    given = parser.parse_args()
    reply = Reply(pieces=(" word",) * given.tokens, first_ms=given.first_ms, between_ms=given.between_ms)
    try:
        asyncio.run(_serve(given.host, given.port, reply))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
