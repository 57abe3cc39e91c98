"""Who may ask: the agent knows its user's life, so a local port must not be open to every page in the browser."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.serve.errors import plain_error
from orchestrator.errors import ConfigError

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
OPEN_PATHS: Final = frozenset({"/", "/health"})
"""They say nothing about the user: a bare page, and whether the server is up."""


def guards(host: str, api_key: str | None) -> list[Middleware]:
    """What stands in front of the app on `host`.

    On a loopback address only loopback names are answered: a page on a name that was made to point here (DNS
    rebinding) sends that name. On any other address the names are not known here, and the key guards.
    """
    names: Sequence[str] = [*LOOPBACK_NAMES, host] if is_loopback(host) else ["*"]
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
        Middleware(SameOrigin),
        *([Middleware(BearerKey, key=api_key)] if api_key else []),
    ]


def check_binding(host: str, api_key: str | None, *, allow_open: bool) -> None:
    """Refuse to be open to the network by accident.

    Raises:
        ConfigError: `host` is reachable from elsewhere, and there is no key.
    """
    if is_loopback(host) or api_key or allow_open:
        return
    raise ConfigError(
        f"serving on {host} without a key would let anyone on the network ask about this user",
        remedy="name a variable that holds a key with --api-key-env, or set serve.allow_open (for containers)",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class SameOrigin:
    """Turns away requests that another site's page makes. It could not read the answer, but it would cost one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Browsers name the page's origin; other clients name none."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != headers.get("host"):
            await plain_error(403, "pages of other sites may not ask this agent")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host_of(origin: str) -> str | None:
    """Host and port of an origin; None where it is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


class BearerKey:
    """Asks for `Authorization: Bearer KEY` on every path but the open ones."""

    def __init__(self, app: ASGIApp, *, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compare in constant time, so that the key cannot be guessed a letter at a time."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        right = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._key)
        if right or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        message = "the API key is missing or wrong: send it as 'Authorization: Bearer KEY'"
        await plain_error(401, message, {"www-authenticate": "Bearer"})(scope, receive, send)
