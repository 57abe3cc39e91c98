"""The gateway on Ray Serve: `serve run cloud_gateway.ray_app:app config=gateway.yaml`, or a file as `deploy/ray` has.

Serve's gRPC proxies take the calls (`ray_ingress` stands before them), and each replica of `RayGateway` is a whole
gateway without a port: the same rules and the same way of a request as behind gRPC's own server. Serve starts replicas
as calls under way ask for, replaces them one after the other, and lets the old ones end what they do.

What replicas must agree on is in Redis: with more than one, the configuration needs the section `state`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, Final, cast

from google.protobuf import empty_pb2
from grpc import StatusCode
from ray import serve
from ray.serve.grpc_util import RayServegRPCContext

from cloud_gateway import logs
from cloud_gateway.assembly import Assembly, assembled
from cloud_gateway.config import GatewayConfig
from cloud_gateway.ray_ingress import REMAINING_KEY
from cloud_gateway.rules import Metadata
from orchestrator.clock import SystemClock
from orchestrator.errors import EdgewiseError
from orchestrator.settings import Section
from orchestrator.wire import status

_NOTHING: Final = empty_pb2.Empty()
"""No bytes: what goes beside a status that is an error."""


class Arguments(Section):
    """Of `app`, from the command line or from `args` of a Serve file."""

    config: Path
    """The gateway's configuration. Read where the application is built; its `listen` and `tls` are of no use here."""
    version: str = ""
    """Of that file. Serve compares arguments: a changed one replaces all replicas, one after the other."""


class RayGateway:
    """A replica."""

    async def __init__(self, config: GatewayConfig) -> None:  # type: ignore[misc]  # Serve awaits it
        """Wire everything together.

        Raises:
            ConfigError: a key is missing.
            CloudUnavailable: Redis cannot be reached.
        """
        logs.configure(sys.stderr)
        logs.show(config.log.level)
        self._open = AsyncExitStack()
        self._assembly: Assembly = await self._open.enter_async_context(
            assembled(config, environment=os.environ, clock=SystemClock())
        )
        await self._assembly.health.check()
        self._watching = asyncio.create_task(self._assembly.watch())

    async def __del__(self) -> None:
        """Serve awaits this, once all calls have ended."""
        self._watching.cancel()
        await self._open.aclose()

    async def Generate(self, request: Any, grpc_context: RayServegRPCContext) -> Any:
        """One answer, whole."""
        return await self._unary("Generate", request, grpc_context)

    async def StreamGenerate(self, request: Any, grpc_context: RayServegRPCContext) -> AsyncIterator[Any]:
        """One answer, as it is written."""
        try:
            async with (
                self._around("StreamGenerate", request, grpc_context),
                aclosing(self._assembly.service.StreamGenerate(request, grpc_context)) as messages,
            ):
                async for message in messages:
                    yield message
        except EdgewiseError as error:
            _refuse(grpc_context, error)
            yield _NOTHING

    async def CancelGenerate(self, request: Any, grpc_context: RayServegRPCContext) -> Any:
        """The end of an answer that is not wanted any more."""
        return await self._unary("CancelGenerate", request, grpc_context)

    async def ListModels(self, request: Any, grpc_context: RayServegRPCContext) -> Any:
        """The models that can be asked."""
        return await self._unary("ListModels", request, grpc_context)

    async def GetUsage(self, request: Any, grpc_context: RayServegRPCContext) -> Any:
        """What the caller has used, and may use."""
        return await self._unary("GetUsage", request, grpc_context)

    async def Check(self, request: Any, grpc_context: RayServegRPCContext) -> Any:
        """`grpc.health.v1`: whether this replica can answer. Load balancers ask without a key."""
        try:
            return await self._assembly.health.servicer.Check(request, _Aborting(grpc_context))
        except _AbortedError:
            return _NOTHING

    async def Watch(self, request: Any, grpc_context: RayServegRPCContext) -> AsyncIterator[Any]:
        """`grpc.health.v1` wants this answer from a server that cannot be watched: behind the proxy are many."""
        grpc_context.set_code(StatusCode.UNIMPLEMENTED)
        yield _NOTHING

    async def _unary(self, method: str, request: Any, context: RayServegRPCContext) -> Any:
        try:
            async with self._around(method, request, context):
                return await getattr(self._assembly.service, method)(request, context)
        except EdgewiseError as error:
            _refuse(context, error)
            return _NOTHING

    def _around(self, method: str, request: Any, context: RayServegRPCContext) -> Any:
        metadata = context.invocation_metadata()
        remaining_s = next((float(value) for key, value in metadata if key == REMAINING_KEY), None)
        return self._assembly.rules.around(method, request, cast(Metadata, metadata), remaining_s)


def app(arguments: dict[str, Any]) -> serve.Application:
    """Build the application, for `serve run` and `serve deploy`; `arguments` are as `Arguments` says.

    Raises:
        ConfigError: the configuration is missing or wrong.
        pydantic.ValidationError: the arguments are wrong.
    """
    config = GatewayConfig.read(Arguments.model_validate(arguments).config)
    deployment = serve.deployment(
        name="gateway",
        # Whether a call can be taken is for the gateway's own admission to say, which knows how to tell the caller.
        max_ongoing_requests=10_000,
        autoscaling_config={"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 200},
        graceful_shutdown_timeout_s=config.drain_s,
    )
    return deployment(RayGateway).bind(config)


def _refuse(context: RayServegRPCContext, error: EdgewiseError) -> None:
    code, message, trailing = status.encode(error)
    context.set_code(code)
    context.set_details(message)
    context.set_trailing_metadata(cast("list[tuple[str, str]]", list(trailing)))  # bytes among it, by gRPC's rules


class _AbortedError(Exception):
    """A servicer gave a call up, after it said how."""


class _Aborting:
    """The part of gRPC's own context that the health servicer uses."""

    def __init__(self, context: RayServegRPCContext) -> None:
        self._context = context

    async def abort(self, code: StatusCode, details: str = "") -> None:
        self._context.set_code(code)
        self._context.set_details(details)
        raise _AbortedError
