"""What Prometheus sees."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Address
from orchestrator.settings import Section


class MetricsSection(Section):
    """What Prometheus sees, and where."""

    listen: Address | None = None
    """`host:port` of the page `/metrics`, in clear text and without a key: for a network of its own."""
    tenants: int = Field(default=100, ge=0)
    """How many are shown by name: the first that come. The others are shown together."""
