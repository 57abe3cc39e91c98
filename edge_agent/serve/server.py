"""Running the app: one socket, uvicorn, and a quick end on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.types import ASGIApp

from edge_agent.serve.access import check_binding, guards
from edge_agent.serve.answerer import Defaults
from edge_agent.serve.app import create_app
from edge_agent.serve.overview import Overview
from edge_agent.serve.room import Room
from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.agent import AsyncAgent

GRACE_S: Final = 2.0
"""How long an answer in flight may go on after the signal to end."""


async def serve(
    agent: AsyncAgent,
    *,
    host: str = "127.0.0.1",
    port: int = 8642,
    api_key: str | None = None,
    allow_open: bool = False,
    on_listening: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve an open agent until SIGTERM or SIGINT comes.

    Args:
        agent: stays open afterwards.
        host: a name or address of this machine.
        port: 0 takes a free one.
        api_key: what callers must send as bearer token; None asks for none.
        allow_open: listen beyond this machine without a key.
        on_listening: told the URL, once connections are taken.

    Raises:
        ConfigError: the address cannot be listened on, or would be open to the network without a key.
    """
    check_binding(host, api_key, allow_open=allow_open)
    room = Room()
    app = create_app(agent, defaults_of(agent), overview_of(agent), guards=guards(host, api_key), room=room)
    with listen(host, port) as listener:
        on_listening(url_of(listener))
        await Server(app, room).serve(sockets=[listener])


def defaults_of(agent: AsyncAgent) -> Defaults:
    """What the agent's configuration says."""
    config = agent.config
    return Defaults(
        local_model=agent.parts.local.name,
        route=config.route,
        local_only=config.local_only,
        budget=config.default_budget,
        sampling=config.answer.sampling,
        personal=config.context.enabled,
    )


def overview_of(agent: AsyncAgent) -> Overview:
    """What the dashboard looks at."""
    parts = agent.parts
    return Overview(
        journal=parts.journal, ledger=parts.ledger, link=parts.link, context_tokens=parts.local.context_tokens
    )


class Server(uvicorn.Server):
    """Ends on a signal, with status 0: that was the wish. Answers in flight may go on for `grace_s` seconds."""

    def __init__(self, app: ASGIApp, room: Room, *, grace_s: float = GRACE_S) -> None:
        """`room` is the app's own."""
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,  # its warnings and errors go where the application's do
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(grace_s) + 3,  # only for what does not listen to the room
            )
        )
        self._room = room
        self._grace_s = grace_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The second signal ends at once. uvicorn itself would raise the signal again in the end, and die of it."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, wait, then cut off."""
        cut = asyncio.get_running_loop().call_later(self._grace_s, self._room.clear)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()
            self._room.clear()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ConfigError: the address does not exist here, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}: {error.strerror}", remedy="--host 127.0.0.1 always works"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}", remedy="--port 0 takes a free one"
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"
