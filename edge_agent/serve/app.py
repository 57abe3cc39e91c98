"""The HTTP app: OpenAI's endpoints, health, and the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge_agent.serve.answerer import Answerer, Defaults
from edge_agent.serve.completions import ChatCompletions
from edge_agent.serve.errors import ErrorHandlers
from edge_agent.serve.overview import Overview
from edge_agent.serve.room import Room
from orchestrator.clock import SystemClock
from orchestrator.ports import Clock

_PAGE_HEADERS: Final = {
    # The page holds everything it needs, and is not to be framed or to reach out.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def create_app(
    answerer: Answerer,
    defaults: Defaults,
    overview: Overview,
    *,
    guards: Sequence[Middleware] = (),
    room: Room | None = None,
    clock: Clock | None = None,
) -> Starlette:
    """The app, around an agent that is open: that the server answers at all says that the model is loaded.

    Args:
        answerer: an open agent, or its engine.
        defaults: what a request that says nothing gets.
        overview: what the dashboard looks at.
        guards: who may ask; see `edge_agent.serve.access.guards`.
        room: how many requests may be answered or wait at once.
        clock: for time stamps and waiting times.
    """
    clock = clock or SystemClock()
    room = room or Room()
    page = files("edge_agent.serve").joinpath("dashboard.html").read_text(encoding="utf-8")

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_card(name) for name in defaults.model_names]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        defaults.route_for(name)
        return JSONResponse(_card(name))

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": defaults.local_model})

    async def status(request: Request) -> Response:
        value = await anyio.to_thread.run_sync(overview.status, defaults, room, clock)
        return Response(
            msgspec.json.encode(value), media_type="application/json", headers={"cache-control": "no-store"}
        )

    async def dashboard(request: Request) -> Response:
        return Response(page, media_type="text/html", headers=_PAGE_HEADERS)

    return Starlette(
        routes=[
            Route("/", dashboard),
            Route("/health", health),
            Route("/api/status", status),
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", model),
            Route(
                "/v1/chat/completions",
                ChatCompletions(answerer, defaults, room=room, clock=clock),
                methods=["POST"],
            ),
        ],
        middleware=list(guards),
        exception_handlers=ErrorHandlers(clock).as_mapping(),
    )


def _card(name: str) -> dict[str, Any]:
    """A model as OpenAI's clients expect it. When it was made is not known."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "edgewise"}
