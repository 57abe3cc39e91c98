"""The gateway's configuration: one YAML file.

Environment variables override the file, for containers: `EDGEWISE_GATEWAY_LISTEN`,
`EDGEWISE_GATEWAY_LIMITS__REQUEST_S`, … (two underscores go one level down; lists are given as JSON). Secrets are never
in it: it names the environment variables that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from cloud_gateway.sections.accounts import AccountsSection, TenantSection
from cloud_gateway.sections.admission import AdmissionSection
from cloud_gateway.sections.connections import ConnectionsSection
from cloud_gateway.sections.debug import DebugSection
from cloud_gateway.sections.keys import KeySection
from cloud_gateway.sections.kinds import Address, Seconds
from cloud_gateway.sections.limits import LimitsSection
from cloud_gateway.sections.log import LogSection
from cloud_gateway.sections.metrics import MetricsSection
from cloud_gateway.sections.models import ModelSection
from cloud_gateway.sections.pool import PoolSection
from cloud_gateway.sections.replay import ReplaySection
from cloud_gateway.sections.state import StateSection
from cloud_gateway.sections.tls import TlsSection
from cloud_gateway.sections.upstreams import UpstreamName, UpstreamSection
from orchestrator.settings import Settings, TelemetrySection, nearest


class GatewayConfig(Settings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="EDGEWISE_GATEWAY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )
    reference = "docs/gateway.md"

    listen: Address = "127.0.0.1:50051"
    tls: TlsSection | None = None
    keys: tuple[KeySection, ...] = ()
    keys_file: Path | None = None
    """Where `edgewise-gateway keys` writes. Read again when it changes."""
    allow_anonymous: bool = False
    """Answer callers without a key."""
    tenants: tuple[TenantSection, ...] = ()
    """Those that have limits."""
    accounts: AccountsSection = AccountsSection()
    upstream: UpstreamSection | None = None
    """The only one, in short. Its name is `default`."""
    upstreams: dict[UpstreamName, UpstreamSection] = Field(default_factory=dict)
    """The model servers, by names of the operator's choice."""
    pool: PoolSection = PoolSection()
    models: tuple[ModelSection, ...] = Field(min_length=1)
    limits: LimitsSection = LimitsSection()
    connections: ConnectionsSection = ConnectionsSection()
    admission: AdmissionSection = AdmissionSection()
    replay: ReplaySection = ReplaySection()
    state: StateSection | None = None
    """What several gateways share."""
    metrics: MetricsSection = MetricsSection()
    telemetry: TelemetrySection = TelemetrySection()
    debug: DebugSection = DebugSection()
    log: LogSection = LogSection()
    drain_s: Seconds = 30.0
    """How long calls under way may go on after SIGTERM."""

    @model_validator(mode="after")
    def _check(self) -> GatewayConfig:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("two models have the same name")
        if (self.upstream is None) == (not self.upstreams):
            raise ValueError("give upstreams, or upstream where there is only one")
        for model in self.models:
            for name in model.upstreams:
                if name not in self.servers:
                    raise ValueError(f"the model {model.name} names an upstream {name}; {nearest(name, self.servers)}")
        if not (self.keys or self.keys_file or self.allow_anonymous):
            raise ValueError("nobody could call: give keys or keys_file, or set allow_anonymous")
        if any(key.certificate for key in self.keys) and not (self.tls and self.tls.client_ca_file):
            raise ValueError("keys[].certificate needs tls.client_ca_file: certificates that nobody checks say nothing")
        if len({tenant.name for tenant in self.tenants}) != len(self.tenants):
            raise ValueError("two tenants have the same name")
        if self.accounts.hold_s <= self.limits.request_s:
            raise ValueError(
                "accounts.hold_s must be longer than limits.request_s: no answer may outlive its reservation"
            )
        return self

    @property
    def servers(self) -> Mapping[str, UpstreamSection]:
        """Every upstream by its name."""
        return self.upstreams if self.upstream is None else {"default": self.upstream}

    @property
    def shortest_health_interval_s(self) -> float:
        """How often one of the upstreams is due to be asked whether it is there."""
        return min(server.health_interval_s for server in self.servers.values())
