"""What several gateways share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from cloud_gateway.sections.kinds import EnvironmentName, Seconds
from orchestrator.settings import Section


class StateSection(Section):
    """The Redis that several gateways share: their accounts, and answers under way. Without it each keeps its own."""

    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://\S+\Z")] | None = None
    """Without a password: `redis://redis.internal:6379/0`."""
    redis_url_env: EnvironmentName | None = None
    """The variable that holds the URL, where it has a password."""
    key_prefix: Annotated[str, Field(pattern=r"^[\w:.-]{0,64}\Z")] = "edgewise:"
    """Before the name of every key, so that several systems can use one Redis."""
    lease_s: Seconds = 3.0
    """How long a gateway may be silent before another takes over what it was writing."""
    connections: int = Field(default=64, ge=1)
    timeout_s: Seconds = 2.0
    """How long connecting, one command, and waiting for a free connection may take."""

    @field_validator("redis_url")
    @classmethod
    def _no_password(cls, url: str | None) -> str | None:
        if url is not None and "@" in url:
            raise ValueError("a URL with a password belongs into an environment variable: name it in redis_url_env")
        return url

    @model_validator(mode="after")
    def _one_url(self) -> StateSection:
        if (self.redis_url is None) == (self.redis_url_env is None):
            raise ValueError("give one of redis_url and redis_url_env")
        return self
