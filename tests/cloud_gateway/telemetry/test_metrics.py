"""What Prometheus sees of a real gateway: counted right, bounded, and in a format that its own parser takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser

from cloud_gateway.config import GatewayConfig
from cloud_gateway.sections.metrics import MetricsSection
from cloud_gateway.server import GatewayServer, running
from cloud_gateway.telemetry.metrics import OTHERS, Metrics
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.clock import SystemClock
from orchestrator.testing import ManualClock
from orchestrator.types import Usage
from simulation.redis_server import RedisServer
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
Make = Callable[..., GatewayConfig]


def value(server: GatewayServer, name: str, **labels: str) -> float | None:
    return server.assembly.metrics.registry.get_sample_value(name, labels)


def client(server: GatewayServer, api_key: str, **options: Any) -> AsyncGateway:
    return AsyncGateway(server.address, api_key=api_key, model="small", **options)


def parsed(page: str) -> list[Metric]:
    return list(parser.text_string_to_metric_families(page))  # type: ignore[no-untyped-call]


async def streamed(gateway: AsyncGateway, **options: Any) -> None:
    async for _ in gateway.stream("What do bees make?", **options):
        pass


async def test_an_answer_is_counted_and_timed_once(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str
) -> None:
    async with client(gateway, api_key) as asking:
        await streamed(asking, request_id="one")
        await streamed(asking, request_id="one")
        whole = await asking.generate("What do bees make?")
    assert value(gateway, "edgewise_calls_total", method="StreamGenerate", outcome="ok") == 2
    assert value(gateway, "edgewise_call_duration_seconds_count", method="Generate") == 1
    assert value(gateway, "edgewise_runs_repeated_total") == 1
    assert value(gateway, "edgewise_runs_kept") == 2
    assert value(gateway, "edgewise_first_token_seconds_count", model="small") == 1
    assert value(gateway, "edgewise_between_tokens_seconds_count", model="small") == 1
    assert value(gateway, "edgewise_answer_duration_seconds_count", model="small") == 2
    assert value(gateway, "edgewise_queue_wait_seconds_count") == 2
    place = {"model": "small", "tenant": "tester"}
    assert value(gateway, "edgewise_completion_tokens_total", **place) == 2 * whole.usage.completion_tokens
    assert value(gateway, "edgewise_billed_nano_usd_total", **place) == 2 * round(whole.usd * 1e9)
    assert value(gateway, "edgewise_upstream_requests_total", upstream="default") == 2
    assert value(gateway, "edgewise_upstream_breaker", upstream="default", state="closed") == 1
    assert value(gateway, "edgewise_calls_in_flight") == 0


async def test_refusals_tell_why(gateway_config: Make, api_key: str) -> None:
    keys = [{"name": "tester", "key_env": "TEST_KEY", "quota": {"requests_per_day": 1}}]
    async with running(gateway_config(keys=keys), environment={"TEST_KEY": api_key}) as server:
        async with client(server, api_key) as asking:
            await asking.generate("What do bees make?")
            with pytest.raises(errors.CloudRateLimited):
                await asking.generate("What do bees make?")
        async with client(server, "ewk_wrong") as stranger:
            with pytest.raises(errors.CloudUnauthenticated):
                await stranger.generate("What do bees make?")
        full = {"owner": "key", "window": "day", "resource": "requests"}
        assert value(server, "edgewise_quota_refused_total", **full) == 1
        for outcome in ("ok", "cloud_rate_limited", "cloud_unauthenticated"):
            assert value(server, "edgewise_calls_total", method="Generate", outcome=outcome) == 1


async def test_upstreams_that_fail_are_seen(gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str) -> None:
    upstream.replies = [Reply(status=400)] + [Reply(status=500)] * 20
    async with client(gateway, api_key) as asking:
        for _ in range(6):
            with pytest.raises(errors.CloudError):
                await asking.generate("What do bees make?")
    failures = value(gateway, "edgewise_upstream_failures_total", upstream="default")
    assert failures is not None
    assert failures >= 4
    assert value(gateway, "edgewise_upstream_breaker", upstream="default", state="open") == 1


async def test_the_page_is_what_prometheus_takes(gateway_config: Make, api_key: str) -> None:
    config = gateway_config(metrics={"listen": "127.0.0.1:0"})
    async with running(config, environment={"TEST_KEY": api_key}) as server:
        async with client(server, api_key) as asking:
            await asking.generate("What do bees make?")
        async with aiohttp.ClientSession() as session:
            accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
            async with session.get(f"http://{server.metrics_address}/metrics", headers=accept) as page:
                assert page.headers["Content-Type"].startswith("application/openmetrics-text")
                families = {family.name: family for family in parsed(await page.text())}
            async with session.get(f"http://{server.metrics_address}/") as elsewhere:
                assert elsewhere.status == 404
    assert families["edgewise_calls"].type == "counter"
    assert families["edgewise_call_duration_seconds"].unit == "seconds"
    assert families["edgewise_build"].samples[0].labels["version"]
    # Of the process's own there is more or less, as the system has it.
    assert "python_info" in families


async def test_an_address_that_is_taken_is_said(gateway_config: Make, api_key: str) -> None:
    first = gateway_config(metrics={"listen": "127.0.0.1:0"})
    async with running(first, environment={"TEST_KEY": api_key}) as server:
        second = gateway_config(metrics={"listen": server.metrics_address})
        with pytest.raises(errors.ConfigError, match="metrics cannot listen"):
            async with running(second, environment={"TEST_KEY": api_key}):
                pass


async def test_redis_is_timed_and_its_failures_counted(
    gateway_config: Make, mortal_redis: RedisServer, api_key: str
) -> None:
    config = gateway_config(state={"redis_url": mortal_redis.url, "timeout_s": 0.2})
    async with running(config, environment={"TEST_KEY": api_key}) as server, client(server, api_key) as asking:
        await asking.generate("What do bees make?")
        families = {family.name: family for family in server.assembly.metrics.registry.collect()}
        assert not families["edgewise_redis_failures"].samples
        assert (value(server, "edgewise_redis_command_seconds_count") or 0) > 3
        await asyncio.to_thread(mortal_redis.kill)
        with pytest.raises(errors.CloudUnavailable):
            await asking.generate("And wasps?")
        families = {family.name: family for family in server.assembly.metrics.registry.collect()}
        assert families["edgewise_redis_failures"].samples


def test_tenants_are_bounded() -> None:
    metrics = Metrics(MetricsSection(tenants=2), ManualClock())
    for tenant in ("a", "b", "c", "d", "a"):
        metrics.billed("small", tenant, Usage(3, 1), 5)
    read = metrics.registry.get_sample_value
    found = [read("edgewise_prompt_tokens_total", {"model": "small", "tenant": name}) for name in ("a", "b", OTHERS)]
    assert found == [6, 3, 6]
    assert read("edgewise_prompt_tokens_total", {"model": "small", "tenant": "c"}) is None


def test_every_name_has_its_unit_and_its_words() -> None:
    families = list(Metrics(MetricsSection(), SystemClock()).registry.collect())
    ours = [family for family in families if family.name.startswith("edgewise_")]
    assert all(family.documentation.endswith(".") for family in ours)
    assert all(family.unit == "seconds" for family in ours if family.type == "histogram")
