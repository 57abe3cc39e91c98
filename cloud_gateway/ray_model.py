"""A model server on Ray Serve: a program that speaks the OpenAI-compatible format, one process a replica.

`command` starts it, with `{port}` where its port belongs: `edgewise serve` with an ONNX model, llama.cpp's server.
Serve's HTTP proxy spreads requests over the replicas; the gateway asks it as it asks any model server, at
`http://127.0.0.1:8000/model/v1`. For vLLM Serve has an application of its own, which stands in the same place
(deploy/ray/serve.yaml shows both).

A replica that is killed leaves its program behind unless Ray's own processes were started with
`RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper=true`.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
from pydantic import Field
from ray import serve
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orchestrator.errors import ProcessFailed
from orchestrator.settings import Section

_POLL_S: Final = 0.1
_GOODBYE_S: Final = 10.0
_HERE: Final = "127.0.0.1"
_HOP_BY_HOP: Final = frozenset({"connection", "content-length", "date", "host", "server", "transfer-encoding"})
"""Headers of one connection, which each side makes for itself."""


class Arguments(Section):
    """Of `app`."""

    command: list[str] = Field(min_length=1)
    """The program and its arguments; `{port}` becomes the port that it shall listen on, on 127.0.0.1."""
    ready_s: float = Field(default=300, gt=0)
    """How long it may take until `GET /v1/models` succeeds."""


class RayModel:
    """A replica."""

    async def __init__(self, command: list[str], ready_s: float) -> None:  # type: ignore[misc]  # Serve awaits it
        """Start the program and wait until it can answer.

        Raises:
            ProcessFailed: it ended, or `ready_s` seconds passed.
        """
        with socket.socket() as free:
            free.bind((_HERE, 0))
            port = free.getsockname()[1]
        # Not by the event loop: Serve's runs in a thread, beside others that gRPC would have to stop for a fork.
        self._process = subprocess.Popen([part.replace("{port}", str(port)) for part in command])  # noqa: ASYNC220
        # An answer takes its time; who waits for it sets the limits.
        self._http = aiohttp.ClientSession(
            f"http://{_HERE}:{port}", timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
        )
        try:
            async with asyncio.timeout(ready_s):
                while not await self._answers():  # noqa: ASYNC110  # another process comes up: nothing here knows when
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            await self.__del__()
            raise ProcessFailed(
                f"{command[0]} did not answer in time", remedy="see its log, or raise ready_s"
            ) from None

    async def __call__(self, request: Request) -> Response:
        """Hand a request to the program, and what it says back, as it comes."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        try:
            reply = await self._http.request(request.method, path, data=await request.body(), headers=headers)
        except aiohttp.ClientError:
            return Response(status_code=503, headers={"Retry-After": "1"})
        kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP_BY_HOP}
        return StreamingResponse(_pieces(reply), status_code=reply.status, headers=kept)

    async def check_health(self) -> None:
        """Serve calls it every few seconds, and replaces the replica when it raises.

        Raises:
            ProcessFailed: the program ended.
        """
        await self._answers()

    async def __del__(self) -> None:
        """Serve awaits this, once all requests have ended."""
        await self._http.close()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, _GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    async def _answers(self) -> bool:
        status = self._process.poll()
        if status is not None:
            raise ProcessFailed(f"the model server ended with status {status}", remedy="see its log")
        try:
            async with self._http.get("/v1/models") as reply:
                return reply.ok
        except aiohttp.ClientError:
            return False


async def _pieces(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """What comes, as it comes. Leaving early closes the connection, by which the program knows that nobody listens."""
    async with reply:
        async for piece in reply.content.iter_any():
            yield piece


def app(arguments: dict[str, Any]) -> serve.Application:
    """Build the application; `arguments` are as `Arguments` says.

    Raises:
        pydantic.ValidationError: the arguments are wrong.
    """
    given = Arguments.model_validate(arguments)
    # After three checks in vain Serve replaces a replica: in seconds, where its own default would take half a minute.
    deployment = serve.deployment(name="model", health_check_period_s=1)
    return deployment(RayModel).bind(given.command, given.ready_s)
