"""The gateway without what carries it: everything behind gRPC's own server, and behind Ray Serve."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from cloud_gateway.admission.admission import Admission
from cloud_gateway.admission.gate import Gate
from cloud_gateway.admission.lag import Lag
from cloud_gateway.answering import Answering
from cloud_gateway.auth import KeyRing
from cloud_gateway.config import GatewayConfig
from cloud_gateway.health import Health
from cloud_gateway.rules import CallRules
from cloud_gateway.runs import Runs
from cloud_gateway.service import GatewayService
from cloud_gateway.state import SharedState, opened
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What answers calls."""

    rules: CallRules
    service: GatewayService
    health: Health
    gate: Gate
    lag: Lag
    admission: Admission


@asynccontextmanager
async def assembled(config: GatewayConfig, *, environment: Mapping[str, str], clock: Clock) -> AsyncIterator[Assembly]:
    """Everything wired together, from here to the end of the block.

    Raises:
        ConfigError: a key is missing.
        CloudUnavailable: the state that it shares with other gateways cannot be reached.
    """
    async with opened(config.state, environment) as state, _wired(config, state, environment, clock) as assembly:
        yield assembly


@asynccontextmanager
async def _wired(
    config: GatewayConfig, state: SharedState | None, environment: Mapping[str, str], clock: Clock
) -> AsyncIterator[Assembly]:
    """`state` is what it shares with other gateways, if any."""
    keys = KeyRing.of(config, environment)
    upstream = UpstreamServer(config.upstream, environment=environment, clock=clock)
    runs = Runs(config.replay, clock)
    random, lag = Random(), Lag(clock, config.admission.lag_ms)
    gate, admission = Gate(config.admission, lag, random), Admission(config.admission, clock, random)
    try:
        yield Assembly(
            rules=CallRules(keys, gate, clock, longest_s=config.limits.request_s),
            service=GatewayService(Answering(config.models, upstream, runs, admission)),
            health=Health(upstream.reachable, clock, interval_s=config.upstream.health_interval_s),
            gate=gate,
            lag=lag,
            admission=admission,
        )
    finally:
        await runs.aclose()
        await upstream.aclose()
