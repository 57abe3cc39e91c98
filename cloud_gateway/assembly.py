"""The gateway without what carries it: everything behind gRPC's own server, and behind Ray Serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from cloud_gateway import content
from cloud_gateway.accounts.accounts import Accounts
from cloud_gateway.accounts.memory import MemoryBooks
from cloud_gateway.accounts.shared import RedisBooks
from cloud_gateway.accounts.windows import Limit
from cloud_gateway.admission.admission import Admission
from cloud_gateway.admission.gate import Gate
from cloud_gateway.admission.lag import Lag
from cloud_gateway.answering import Answering
from cloud_gateway.auth import KeyRing
from cloud_gateway.billing import Billing
from cloud_gateway.config import GatewayConfig
from cloud_gateway.health import Health
from cloud_gateway.rules import CallRules
from cloud_gateway.runs import Runs, Sharing
from cloud_gateway.service import GatewayService
from cloud_gateway.state import SharedState, opened
from cloud_gateway.telemetry.metrics import Metrics
from cloud_gateway.telemetry.standing import Standing
from cloud_gateway.upstreams.member import Member
from cloud_gateway.upstreams.pool import Pool
from orchestrator.otel import exporting
from orchestrator.ports import Clock
from orchestrator.tracing import Tracer

_TAKEN_S: Final = 5.0
"""A call that was taken before a change has come to its model server by then, or has failed."""


class Assembly:
    """What answers calls. It can take a new configuration over between two calls."""

    def __init__(
        self,
        config: GatewayConfig,
        state: SharedState | None,
        environment: Mapping[str, str],
        metrics: Metrics,
        tracer: Tracer,
        clock: Clock,
    ) -> None:
        """`state` is what it shares with other gateways, if any."""
        self.metrics = metrics
        self._config = config
        self._environment = environment
        self._clock = clock
        sharing = None
        if state is not None and config.state is not None:
            sharing = Sharing(state, config.state, config.replay, clock)
        self.runs = Runs(config.replay, clock, sharing)
        self.accounts = _accounts(config, state, clock)
        self._random = random = Random()
        self._lag = lag = Lag(clock, config.admission.lag_ms, metrics.lagged)
        self.admission = Admission(config.admission, clock, random)
        self.gate = Gate(config.admission, lag, clock, random)
        self._backend = self._behind(config)
        keys = KeyRing.of(config, environment, clock)
        self.rules = CallRules(keys, self.gate, metrics, tracer, clock, longest_s=config.limits.request_s)
        self.service = GatewayService(self._backend.answering, self.accounts)
        self.health = Health(self._backend.pool, clock, interval_s=config.shortest_health_interval_s)
        self._retiring: set[asyncio.Task[None]] = set()
        metrics.registry.register(Standing(self))

    @property
    def members(self) -> Sequence[Member]:
        """The upstreams."""
        return self._backend.pool.members

    async def watch(self) -> None:
        """Look after the model servers and the process itself, for ever."""
        await asyncio.gather(self.health.watch(), self._lag.watch())

    def adopt(self, config: GatewayConfig) -> None:
        """Serve by `config` from the next call on. Answers under way end as they began; what was measured, counted and
        kept stays.

        Raises:
            ConfigError: a key is missing. Nothing has changed then.
        """
        keys = KeyRing.of(config, self._environment, self._clock)
        old = self._backend
        if _backend_of(config) != _backend_of(self._config):
            self._backend = self._behind(config)
            self._retire(old)
        self._config = config
        self.rules.configure(keys, longest_s=config.limits.request_s)
        self.service.configure(self._backend.answering)
        self.health.configure(self._backend.pool, interval_s=config.shortest_health_interval_s)
        self.gate.configure(config.admission)
        self.admission.configure(config.admission)
        self.metrics.configure(config.metrics)
        self.runs.configure(config.replay)
        self.accounts.configure(_limits(config), config.accounts)

    async def aclose(self) -> None:
        """End every answer, and close every connection."""
        await self.runs.aclose()
        await self.accounts.aclose()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._backend.pool.aclose()

    def _behind(self, config: GatewayConfig) -> _Backend:
        pool = Pool(
            config.pool,
            config.servers,
            config.models,
            environment=self._environment,
            clock=self._clock,
            random=self._random,
        )
        billing = Billing(self.accounts, self.metrics)
        if config.log.content:
            content.warn()
        answering = Answering(
            config.models,
            pool,
            self.runs,
            self.admission,
            billing,
            self.metrics,
            log_content=config.log.content,
        )
        return _Backend(answering, pool)

    def _retire(self, backend: _Backend) -> None:
        """Close what was replaced, once nobody needs it any more."""

        async def close() -> None:
            try:
                await self._clock.sleep(_TAKEN_S)
                await backend.answering.idle()
            finally:
                await backend.pool.aclose()

        task = asyncio.create_task(close())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


@dataclass(frozen=True, slots=True)
class _Backend:
    """What a configuration of models and their servers makes."""

    answering: Answering
    pool: Pool


def _backend_of(config: GatewayConfig) -> tuple[object, ...]:
    """What a change of makes another backend necessary."""
    return config.models, config.servers, config.pool, config.log.content


def _accounts(config: GatewayConfig, state: SharedState | None, clock: Clock) -> Accounts:
    replay = config.replay
    if state is None:
        return Accounts(
            MemoryBooks(keep_s=replay.keep_s, keep_ids=replay.keep_answers), _limits(config), config.accounts, clock
        )
    return Accounts(RedisBooks(state, keep_s=replay.keep_s), _limits(config), config.accounts, clock)


def _limits(config: GatewayConfig) -> dict[str, tuple[Limit, ...]]:
    """Of tenants, by name."""
    return {tenant.name: tenant.quota.limits for tenant in config.tenants}


@asynccontextmanager
async def assembled(config: GatewayConfig, *, environment: Mapping[str, str], clock: Clock) -> AsyncIterator[Assembly]:
    """Everything wired together, from here to the end of the block.

    Raises:
        ConfigError: a key is missing.
        CloudUnavailable: the state that it shares with other gateways cannot be reached.
    """
    metrics = Metrics(config.metrics, clock)
    async with (
        exporting(config.telemetry.otlp_endpoint, "edgewise-gateway") as tracer,
        opened(config.state, environment, metrics.redis_command) as state,
    ):
        assembly = Assembly(config, state, environment, metrics, tracer, clock)
        try:
            yield assembly
        finally:
            await assembly.aclose()
