"""The process: health, TLS, ports, and how it ends."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud_gateway.config import GatewayConfig
from cloud_gateway.health import SERVICE
from cloud_gateway.server import GatewayServer, running
from orchestrator import errors
from orchestrator.client import AsyncGateway, TlsOptions
from orchestrator.testing import ManualClock
from orchestrator.types import Started
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
Configs = Callable[..., GatewayConfig]


async def test_health_follows_the_upstream_and_the_process_stays_healthy(
    gateway: GatewayServer, upstream: SimulatedUpstream
) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel, asyncio.timeout(HANG_S):
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == SERVING
        upstream.models_status = 503
        assert (await watch.read()).status == NOT_SERVING
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == SERVING
        upstream.models_status = 200
        assert (await watch.read()).status == SERVING
        upstream.models_status = 401
        assert (await watch.read()).status == NOT_SERVING
        upstream.models_status = 404  # a server without a list of models
        assert (await watch.read()).status == SERVING
        watch.cancel()


async def test_a_model_whose_upstreams_are_gone_is_told_from_the_others(
    gateway_config: Configs, upstream: SimulatedUpstream, api_key: str
) -> None:
    model = {"context_tokens": 4096, "usd_per_million_prompt_tokens": 1, "usd_per_million_completion_tokens": 1}
    config = gateway_config(
        upstream=None,
        upstreams={"here": {"base_url": upstream.base_url}, "gone": {"base_url": "http://127.0.0.1:9"}},
        models=[
            {"name": "one", "upstreams": {"here": {}}, **model},
            {"name": "two", "upstreams": {"gone": {}}, **model},
        ],
    )
    async with (
        running(config, environment={"TEST_KEY": api_key}) as server,
        grpc.aio.insecure_channel(server.address) as channel,
        asyncio.timeout(HANG_S),
    ):
        check = health_pb2_grpc.HealthStub(channel).Check
        names = (SERVICE, f"{SERVICE}/one", f"{SERVICE}/two")
        told = [(await check(health_pb2.HealthCheckRequest(service=name))).status for name in names]
    assert told == [SERVING, SERVING, NOT_SERVING]


async def test_draining_lets_a_stream_end_and_takes_nothing_new(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as newcomer,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        assert await anext(stream) == Started("small")
        await upstream.holding.wait()
        draining = asyncio.create_task(gateway.drain(HANG_S))
        await asyncio.sleep(0)
        with pytest.raises(errors.CloudUnavailable, match="stopping") as refused:
            await newcomer.generate("Hi")
        assert refused.value.retry_after_s
        upstream.release.set()
        assert len([event async for event in stream]) == 5
        await draining


async def test_a_stream_that_outlasts_the_drain_ends_in_one_typed_error(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str
) -> None:
    upstream.replies = [Reply(hold_after=2)]
    async with (
        AsyncGateway(gateway.address, api_key=api_key, model="small", clock=ManualClock()) as client,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        assert await anext(stream) == Started("small")
        await upstream.holding.wait()
        await gateway.drain(0.05)
        with pytest.raises(errors.CloudUnavailable, match="stopped in the middle") as ended:
            assert len([event async for event in stream]) == 2
        assert ended.value.retry_after_s


async def test_a_watcher_hears_of_the_end_and_does_not_put_it_off(gateway: GatewayServer) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel, asyncio.timeout(HANG_S):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert (await watch.read()).status == SERVING
        await gateway.drain(10 * HANG_S)
        assert (await watch.read()).status == NOT_SERVING
        assert not hasattr(await watch.read(), "status")  # the end
        assert await watch.code() is grpc.StatusCode.OK


async def test_a_port_that_is_taken_is_named(gateway: GatewayServer, gateway_config: Configs, api_key: str) -> None:
    with pytest.raises(errors.ConfigError, match=f"cannot listen on {gateway.address}"):
        async with running(gateway_config(listen=gateway.address), environment={"TEST_KEY": api_key}):
            pass


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "cert.pem", folder / "key.pem"
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(pem), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    return pem, key


async def test_tls_carries_the_key_and_a_stranger_is_not_trusted(
    gateway_config: Configs, api_key: str, certificate: tuple[Path, Path]
) -> None:
    pem, key = certificate
    config = gateway_config(tls={"certificate_file": pem, "key_file": key})
    async with running(config, environment={"TEST_KEY": api_key}) as gateway:
        trusting = TlsOptions(ca_file=pem, server_name="localhost")
        async with AsyncGateway(gateway.address, api_key=api_key, model="small", tls=trusting) as client:
            assert (await client.generate("Hi")).text == "Bees make honey."
            assert len([event async for event in client.stream("Hi")]) == 6
            await client.ping()
        async with AsyncGateway(gateway.address, model="small", tls=trusting) as client:
            with pytest.raises(errors.CloudUnauthenticated):
                await client.generate("Hi")
        async with AsyncGateway(gateway.address, api_key=api_key, model="small", tls=TlsOptions()) as client:
            with pytest.raises(errors.CloudUnavailable):
                await client.generate("Hi")


async def test_a_certificate_that_is_missing_is_named(gateway_config: Configs, api_key: str, tmp_path: Path) -> None:
    config = gateway_config(tls={"certificate_file": tmp_path / "cert.pem", "key_file": tmp_path / "key.pem"})
    with pytest.raises(errors.ConfigError, match=r"key\.pem"):
        async with running(config, environment={"TEST_KEY": api_key}):
            pass
