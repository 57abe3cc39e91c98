"""The client of what several gateways share, against a real Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from cloud_gateway.config import GatewayConfig
from cloud_gateway.sections.state import StateSection
from cloud_gateway.server import running
from cloud_gateway.state import faults, opened
from orchestrator.errors import CloudUnavailable, ConfigError
from simulation.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60


async def test_without_a_section_nothing_is_shared() -> None:
    async with opened(None, {}) as state:
        assert state is None


async def test_keys_have_the_prefix_and_scripts_run(redis_server: RedisServer) -> None:
    section = StateSection(redis_url_env="REDIS", key_prefix="test-state:", timeout_s=HANG_S)
    async with opened(section, {"REDIS": redis_server.url}) as state:
        assert state is not None
        assert await state.reachable()
        key = state.key("a", "b")
        assert key == "test-state:a:b"
        count = state.script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        assert [await count(keys=[key], args=[2]) for _ in range(2)] == [2, 4]
        await state.redis.script_flush()  # as after a restart: the script is sent again
        assert await count(keys=[key], args=[2]) == 6


async def test_a_redis_that_dies_is_unavailable_and_comes_back(mortal_redis: RedisServer) -> None:
    async with opened(StateSection(redis_url=mortal_redis.url), {}) as state:
        assert state is not None
        mortal_redis.kill()
        assert not await state.reachable()
        with pytest.raises(CloudUnavailable, match="cannot be used") as failed, faults():
            await state.redis.get("secret")
        assert failed.value.retry_after_s == 1.0
        assert "secret" not in str(failed.value)
        mortal_redis.start()
        assert await state.reachable()


async def test_a_gateway_does_not_start_without_the_redis_that_it_should_share(
    gateway_config: Callable[..., GatewayConfig], mortal_redis: RedisServer, api_key: str
) -> None:
    mortal_redis.kill()
    config = gateway_config(state={"redis_url": mortal_redis.url})
    with pytest.raises(CloudUnavailable, match="Redis"):
        async with running(config, environment={"TEST_KEY": api_key}):
            pass


async def test_a_redis_that_refuses_the_gateway_is_the_operators_mistake(redis_server: RedisServer) -> None:
    section = StateSection(redis_url_env="REDIS", timeout_s=HANG_S)
    with pytest.raises(ConfigError, match="Redis refuses") as refused:
        async with opened(section, {"REDIS": f"{redis_server.url}?username=who&password=wrong"}):
            pass
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("environment", [{}, {"REDIS": " "}, {"REDIS": "http://x"}])
async def test_a_url_that_is_missing_or_none_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"REDIS|URL of state"):
        async with opened(StateSection(redis_url_env="REDIS"), environment):
            pass


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({}, "give one of"),
        ({"redis_url": "redis://h", "redis_url_env": "REDIS"}, "give one of"),
        ({"redis_url": "redis://:secret@h"}, "redis_url_env"),
        ({"redis_url": "http://h"}, "redis_url"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        StateSection(**section)
