"""A simulated model server that speaks the OpenAI-compatible format: scripted answers, and every fault there is.

It is a real HTTP/1.1 server on a real socket, written on asyncio streams because a framework would not let it break the
protocol. Tests run it in process; `python -m simulation.upstream` runs it alone, for benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server does with one chat. Each piece counts as one token."""

    pieces: tuple[str, ...] = ("Bees", " make", " honey", ".")
    finish_reason: str | None = "stop"
    """None: the answer breaks off without a reason, as by a server that died."""
    usage: bool = True
    done: bool = True
    """Whether `[DONE]` ends a stream."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of an answer: an error, or nonsense."""
    events: tuple[bytes, ...] | None = None
    """Sent as the `data:` of a stream instead of its chunks."""
    hold_after: int | None = None
    """After so many pieces, wait until `SimulatedUpstream.release` is set or the client is gone."""
    break_after: int | None = None
    """After so many pieces, drop the connection. -1: before the response."""
    between_ms: float = 0.0
    echo: bool = False
    """Say what was asked, word for word: as the answer, or with another `status` in the error's message."""

    def to(self, body: dict[str, Any]) -> Reply:
        """The reply to one chat."""
        if not self.echo:
            return self
        words = "\n".join(str(message["content"]) for message in body["messages"])
        if self.status != 200:
            return replace(self, body=json.dumps({"error": {"message": words, "type": words, "code": words}}).encode())
        return replace(self, pieces=tuple(re.findall(r"\s*\S+|\s+$", words)))


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

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", port)

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
        return f"http://127.0.0.1:{self.port}/v1"

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
        if not head[0].startswith("POST /v1/chat/completions"):
            known = head[0].startswith("GET /v1/models")
            await _whole(writer, self.models_status if known else 404, b'{"object":"list","data":[]}')
            return True
        body = json.loads(content)
        self.chats += 1
        self.seen.append(Seen(body, headers))
        reply = self.replies[min(self.chats, len(self.replies)) - 1].to(body)
        if reply.break_after == -1:
            return False
        if reply.body is not None or reply.status != 200:
            await _whole(writer, reply.status, reply.body or b"", reply.headers)
            return True
        if body.get("stream"):
            return await self._stream(reply, body, reader, writer)
        if not await self._may_go_on(reply, len(reply.pieces), reader):
            return False
        await _whole(writer, 200, _answer(reply, body), reply.headers)
        return True

    async def _stream(
        self, reply: Reply, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        headers = {"Content-Type": "text/event-stream"} | dict(reply.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{lines}\r\n".encode())
        if not await self._may_go_on(reply, 0, reader):
            return False
        for number, data in enumerate(reply.events or _chunks(reply, body), 1):
            writer.write(_chunked(b"data: " + data + b"\n\n"))
            await writer.drain()
            self.events_sent += 1
            if reply.between_ms:
                await asyncio.sleep(reply.between_ms / 1000)
            if not await self._may_go_on(reply, number, reader):
                return False
        if reply.done:
            writer.write(_chunked(b"data: [DONE]\n\n"))
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


def _chunks(reply: Reply, body: dict[str, Any]) -> Iterable[bytes]:
    frame = {"id": "x", "object": "chat.completion.chunk", "model": body["model"]}
    for piece in reply.pieces:
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        yield json.dumps({**frame, "choices": [choice]}).encode()
    if reply.finish_reason is not None:
        choice = {"index": 0, "delta": {}, "finish_reason": reply.finish_reason}
        yield json.dumps({**frame, "choices": [choice]}).encode()
    if reply.usage and body.get("stream_options", {}).get("include_usage"):
        yield json.dumps({**frame, "choices": [], "usage": _usage(reply, body)}).encode()


def _answer(reply: Reply, body: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": "".join(reply.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    answer = {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice]}
    return json.dumps(answer | ({"usage": _usage(reply, body)} if reply.usage else {})).encode()


def _usage(reply: Reply, body: dict[str, Any]) -> dict[str, int]:
    prompt = sum(len(message["content"].split()) for message in body["messages"])
    return {"prompt_tokens": prompt, "completion_tokens": len(reply.pieces), "total_tokens": prompt + len(reply.pieces)}


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))} | dict(headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Simulated\r\n{lines}\r\n".encode() + body)
    await writer.drain()


def _chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def _serve(port: int, reply: Reply) -> None:
    async with SimulatedUpstream(reply) as upstream:
        sys.stdout.write(f"listening on 127.0.0.1:{upstream.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A simulated OpenAI-compatible model server.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--tokens", type=int, default=32, help="tokens of every answer")
    parser.add_argument("--between-ms", type=float, default=0.0, help="milliseconds between two tokens of a stream")
    given = parser.parse_args()
    reply = Reply(pieces=(" word",) * given.tokens, between_ms=given.between_ms)
    try:
        asyncio.run(_serve(given.port, reply))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
