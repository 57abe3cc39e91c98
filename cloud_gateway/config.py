"""The gateway's configuration: one YAML file.

Environment variables override the file, for containers: `EDGEWISE_GATEWAY_LISTEN`,
`EDGEWISE_GATEWAY_LIMITS__REQUEST_S`, … (two underscores go one level down; lists are given as JSON). Secrets are never
in it: it names the environment variables that hold them.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from orchestrator.chat import NANO, Price, ServedModel
from orchestrator.settings import Section, Settings
from orchestrator.wire.limits import MAX_MESSAGE_BYTES, MAX_MODEL_CHARS


def _whole_nano(usd: Decimal) -> Decimal:
    if usd * NANO % 1:
        raise ValueError("a price has at most nine decimals")
    return usd


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Usd = Annotated[Decimal, Field(ge=0, lt=10**6), AfterValidator(_whole_nano)]
Joules = Annotated[float, Field(ge=0, allow_inf_nan=False)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class TlsSection(Section):
    """The gateway's own certificate. Without this section it speaks clear text."""

    certificate_file: Path
    key_file: Path


class KeySection(Section):
    """A caller's API key that comes in an environment variable."""

    name: Annotated[str, Field(pattern=r"^[\w.@-]{1,64}$")]
    """Who it is, for the log."""
    key_env: EnvironmentName


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


class ModelSection(Section):
    """A model that callers may ask for."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARS)]
    upstream_name: str | None = None
    """What the upstream calls it; the same, unless said."""
    context_tokens: int = Field(ge=1, lt=2**31)
    usd_per_million_prompt_tokens: Usd
    usd_per_million_completion_tokens: Usd
    # Orders of magnitude for models of 7 to 70 billion weights on data-centre accelerators: Samsi et al., "From Words
    # to Watts" (2023), measured 3 to 4 J per written token for one of 65 billion. Reading is batched, so far cheaper.
    joules_per_prompt_token: Joules = 0.2
    joules_per_completion_token: Joules = 2.0
    joules_uncertainty_share: Joules = 1.0
    """One standard uncertainty, as a share of the modelled joules."""

    @property
    def served(self) -> ServedModel:
        """As callers see it."""
        price = Price(
            int(self.usd_per_million_prompt_tokens * NANO), int(self.usd_per_million_completion_tokens * NANO)
        )
        return ServedModel(name=self.name, context_tokens=self.context_tokens, price=price)


class LimitsSection(Section):
    """What a caller may take."""

    request_s: Seconds = 600.0
    """The longest a call may run, where its own deadline is later or missing."""
    message_bytes: int = Field(default=MAX_MESSAGE_BYTES, ge=1024, le=2**30)


class ReplaySection(Section):
    """How long a finished answer is kept for callers who repeat its request id."""

    keep_s: Seconds = 600.0
    keep_answers: int = Field(default=10_000, ge=1)


class GatewayConfig(Settings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="EDGEWISE_GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )
    reference = "docs/gateway.md"

    listen: Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")] = "127.0.0.1:50051"
    tls: TlsSection | None = None
    keys: tuple[KeySection, ...] = ()
    keys_file: Path | None = None
    """Where `edgewise-gateway keys` writes. Read again when it changes."""
    allow_anonymous: bool = False
    """Answer callers without a key."""
    upstream: UpstreamSection
    models: tuple[ModelSection, ...] = Field(min_length=1)
    limits: LimitsSection = LimitsSection()
    replay: ReplaySection = ReplaySection()
    drain_s: Seconds = 30.0
    """How long calls under way may go on after SIGTERM."""

    @model_validator(mode="after")
    def _check(self) -> GatewayConfig:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("two models have the same name")
        if not (self.keys or self.keys_file or self.allow_anonymous):
            raise ValueError("nobody could call: give keys or keys_file, or set allow_anonymous")
        return self
