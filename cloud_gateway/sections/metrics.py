"""What Prometheus sees."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.settings import Section


class MetricsSection(Section):
    """What Prometheus sees, and where."""

    listen: Annotated[str, Field(pattern=r"^\S+:\d{1,5}\Z")] | None = None
    """`host:port` of the page `/metrics`, in clear text and without a key: for a network of its own."""
    tenants: int = Field(default=100, ge=0)
    """How many are shown by name: the first that come. The others are shown together."""
