"""Services by which a running gateway is looked into by hand: gRPC's reflection and channelz. Off unless configured."""

from __future__ import annotations

import grpc.aio
from grpc_health.v1 import health

from cloud_gateway.health import SERVICE
from cloud_gateway.sections.debug import DebugSection


def register(server: grpc.aio.Server, section: DebugSection) -> None:
    """Answer on `server` what `section` allows. It is behind the same keys as the rest."""
    if section.reflection:
        from grpc_reflection.v1alpha import reflection

        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    if section.channelz:
        from grpc_channelz.v1 import channelz

        channelz.add_channelz_servicer(server)  # type: ignore[arg-type]  # the stubs know only the blocking server
