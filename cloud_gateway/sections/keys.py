"""Callers whose keys come in the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from cloud_gateway.keys import NAME, Scope
from cloud_gateway.sections.kinds import EnvironmentName
from cloud_gateway.sections.quota import QuotaSection
from orchestrator.settings import Section


class KeySection(Section):
    """A caller's API key that comes in an environment variable, and what it may do."""

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    """Who it is, for the log and the accounts."""
    key_env: EnvironmentName
    tenant: Annotated[str, Field(pattern=f"^({NAME})?$")] = ""
    """Who pays."""
    models: tuple[str, ...] = ()
    """What it may ask, as patterns: `qwen*`. None at all: every model."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The longest answer that it may ask for."""
    expires_at: AwareDatetime | None = None
    quota: QuotaSection = QuotaSection()

    @property
    def scope(self) -> Scope:
        """What the key may do."""
        return Scope(
            tenant=self.tenant,
            models=self.models,
            max_tokens=self.max_tokens,
            limits=self.quota.limits,
            expires_at=self.expires_at,
        )
