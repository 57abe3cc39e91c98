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
    first_token_s: Seconds = 120.0
    """How long a stream may take to its first text."""
    between_tokens_s: Seconds = 30.0
    """How long a stream may say nothing after that."""
    whole_answer_s: Seconds = 600.0
    """How long an answer may take that comes as one piece."""
    health_interval_s: Seconds = 5.0
    """How often it is asked whether it is there."""
