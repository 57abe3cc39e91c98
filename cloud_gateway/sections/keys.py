"""Callers whom the configuration itself names: by a key in the environment, or by their certificate."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from cloud_gateway.keys import NAME, Scope
from cloud_gateway.sections.kinds import EnvironmentName
from cloud_gateway.sections.quota import QuotaSection
from orchestrator.settings import Section


class KeySection(Section):
    """A caller, and what it may do."""

    name: Annotated[str, Field(pattern=rf"^{NAME}\Z")]
    """Who it is, for the log and the accounts."""
    key_env: EnvironmentName | None = None
    """The variable that holds its API key."""
    certificate: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Or one of the names (SAN) in its certificate, which stands for a key where the call has none."""
    tenant: Annotated[str, Field(pattern=rf"^({NAME})?\Z")] = ""
    """Who pays."""
    models: tuple[str, ...] = ()
    """What it may ask, as patterns: `qwen*`. None at all: every model."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The longest answer that it may ask for."""
    expires_at: AwareDatetime | None = None
    quota: QuotaSection = QuotaSection()

    @model_validator(mode="after")
    def _known_by_something(self) -> KeySection:
        if self.key_env is None and self.certificate is None:
            raise ValueError("give key_env or certificate")
        return self

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
