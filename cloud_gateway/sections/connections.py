"""What a connection may take."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Seconds
from orchestrator.settings import Section


class ConnectionsSection(Section):
    """What a connection may take, whoever is at its other end. A change needs a restart."""

    handshake_s: Seconds = 10.0
    """How long TLS and the first words of HTTP/2 may take."""
    request_s: Seconds = 10.0
    """How long a request may take to arrive, from its headers to its last byte."""
    idle_s: Seconds = 300.0
    """How long it may be without a call. Our clients leave after 240 s."""
    age_s: Seconds = 3600.0
    """How long it may live; calls under way end as they would. A tenth more or less, so that not all end at once."""
    ping_s: Seconds = 30.0
    """How long it may be silent before it is asked whether it is there, while calls are under way."""
    ping_answer_s: Seconds = 10.0
    """How long that answer may take."""
    streams: int = Field(default=8192, ge=1)
    """Calls open at once. An Envoy before the gateway carries those of many callers in one connection."""
