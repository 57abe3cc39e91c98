"""The model servers behind the gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud_gateway.sections.kinds import EnvironmentName, Seconds
from orchestrator.settings import Section


class UpstreamSection(Section):
    """The OpenAI-compatible server behind the gateway."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    """Up to and with its version: `http://127.0.0.1:8642/v1`."""
    api_key_env: EnvironmentName | None = None
    connect_s: Seconds = 5.0
    """How long connecting may take."""
    silence_s: Seconds = 120.0
    """How long it may send nothing: before its first token, between two, and before a whole answer."""
    max_connections: int = Field(default=512, ge=1)
    health_interval_s: Seconds = 5.0
    """How often it is asked whether it is there."""
