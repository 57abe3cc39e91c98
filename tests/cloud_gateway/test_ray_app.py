"""On a real Ray, deployed from the file in deploy/ray: the same service, and nothing lost when a replica is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud_gateway.health import SERVICE
from cloud_gateway.ray_ingress import APPLICATION
from orchestrator import errors
from orchestrator.chat import Generation
from orchestrator.client import AsyncGateway
from orchestrator.types import Completed, ModelEvent, Started, TextDelta
from orchestrator.v1 import gateway_service_pb2
from simulation.ray_cluster import RayCluster
from simulation.redis_server import RedisServer
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
ROOT = Path(__file__).resolve().parents[2]
SERVE_FILE = ROOT / "deploy/ray/serve.yaml"
KEY = "a-key-for-tests-and-nothing-else"
ORPHANS = "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper"
PATIENCE_S = 120
BURST = 120
AT_ONCE = 8


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own
def test_every_method_of_the_service_is_there() -> None:
    from cloud_gateway.ray_app import RayGateway

    methods = gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"].methods_by_name
    assert all(callable(getattr(RayGateway, name)) for name in methods)


def test_the_file_names_what_the_ingress_asks_for() -> None:
    applications = yaml.safe_load(SERVE_FILE.read_text("utf-8"))["applications"]
    places = {application["name"]: application["import_path"] for application in applications}
    assert places[APPLICATION] == "cloud_gateway.ray_app:app"


class Deployment:
    """A cluster with two replicas of the gateway, before a simulated model server."""

    def __init__(self, folder: Path, upstream: SimulatedUpstream, redis_url: str) -> None:
        self.upstream = upstream
        self._gateway_file = folder / "gateway.yaml"
        self._serve_file = folder / "serve.yaml"
        self._redis_url = redis_url
        with socket.socket() as http, socket.socket() as grpc_port:
            http.bind(("127.0.0.1", 0))
            grpc_port.bind(("127.0.0.1", 0))
            ports = http.getsockname()[1], grpc_port.getsockname()[1]
        self.model_url = f"http://127.0.0.1:{ports[0]}/model/v1"
        self.target = f"127.0.0.1:{ports[1]}"
        self._write(*ports)
        environment = {**os.environ, "TEST_KEY": KEY, "PYTHONPATH": str(ROOT), ORPHANS: "true"}
        self.ray = RayCluster(self._serve_file, log=folder / "log", environment=environment)

    def script(self, *replies: Reply) -> None:
        """What the model server does from now on."""
        self.upstream.chats, self.upstream.replies = 0, list(replies)
        for event in (self.upstream.holding, self.upstream.release, self.upstream.disconnected):
            event.clear()

    def client(self, key: str = KEY) -> AsyncGateway:
        return AsyncGateway(self.target, api_key=key, model="small")

    async def update(self) -> None:
        """Deploy a new version: every replica is replaced."""
        serve: dict[str, Any] = yaml.safe_load(self._serve_file.read_text("utf-8"))
        serve["applications"][0]["args"]["version"] = "2"
        self._serve_file.write_text(yaml.safe_dump(serve), "utf-8")
        await asyncio.to_thread(self.ray.update, self._serve_file)

    def _write(self, http_port: int, grpc_port: int) -> None:
        prices = {"usd_per_million_prompt_tokens": 0.15, "usd_per_million_completion_tokens": 0.6}
        gateway = {
            "keys": [{"name": "tester", "key_env": "TEST_KEY"}],
            "upstream": {"base_url": self.upstream.base_url},
            "models": [{"name": "small", "context_tokens": 4096, **prices}],
            "state": {"redis_url": self._redis_url, "key_prefix": "ray:", "timeout_s": PATIENCE_S},
            "replay": {"linger_s": 0.1},
            # Two busy cores carry all of this: nobody shall be turned away for that.
            "admission": {"lag_ms": 60_000},
            "drain_s": 20,
        }
        self._gateway_file.write_text(yaml.safe_dump(gateway), "utf-8")
        serve: dict[str, Any] = yaml.safe_load(SERVE_FILE.read_text("utf-8"))
        serve["http_options"]["port"], serve["grpc_options"]["port"] = http_port, grpc_port
        gateway_application, model_application = serve["applications"]
        gateway_application["args"]["config"] = str(self._gateway_file)
        (gateways,), (models,) = gateway_application["deployments"], model_application["deployments"]
        gateways["autoscaling_config"] |= {"min_replicas": 2, "max_replicas": 2}
        gateways["graceful_shutdown_wait_loop_s"] = 0.1  # a replica that is done is gone at once
        gateways["ray_actor_options"] = models["ray_actor_options"] = {"num_cpus": 0.1}
        model_application["args"]["command"] = [sys.executable, "-m", "simulation.upstream", "--port", "{port}"]
        self._serve_file.write_text(yaml.safe_dump(serve), "utf-8")


@pytest.fixture(scope="module")
async def deployment(
    one_loop: None, tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> AsyncIterator[Deployment]:
    async with SimulatedUpstream() as upstream:
        deployment = Deployment(tmp_path_factory.mktemp("ray"), upstream, redis_server.url)
        await asyncio.to_thread(deployment.ray.__enter__)
        try:
            yield deployment
        finally:
            await asyncio.to_thread(deployment.ray.__exit__)


async def events_of(client: AsyncGateway, **options: Any) -> list[ModelEvent]:
    return [event async for event in client.stream("hi", **options)]


async def answered(client: AsyncGateway, request_id: str, lost: Counter[str]) -> Generation:
    """The answer, asked for until it is there, as callers are told to."""
    while True:
        try:
            return await client.generate("hi", request_id=request_id)
        except errors.CloudUnavailable as error:
            lost[request_id] += 1
            await asyncio.sleep(error.retry_after_s or 0)


async def spent_nano_usd(client: AsyncGateway) -> int:
    """What the accounts in Redis say."""
    return max(window.nano_usd.spent for window in await client.usage())


@pytest.mark.slow
async def test_the_same_answers_and_the_same_errors(deployment: Deployment) -> None:
    deployment.script(Reply())
    async with deployment.client() as client:
        assert [model.name for model in await client.models()] == ["small"]
        whole = await client.generate("hi")
        started, *deltas, completed = await events_of(client)
        assert whole.text == "Bees make honey."
        assert started == Started("small")
        assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == ["Bees", " make", " honey", "."]
        assert isinstance(completed, Completed)
        assert completed.usd == whole.usd > 0

        # So short that nobody is kept away by it afterwards.
        deployment.script(Reply(status=429, headers={"Retry-After": "0.001"}))
        for asked in (client.generate("hi"), events_of(client)):
            with pytest.raises(errors.CloudRateLimited) as failed:
                await asked
            assert (failed.value.retry_after_s, failed.value.remedy) == (0.001, "wait, and ask again")
        deployment.script(Reply(break_after=2))
        with pytest.raises(errors.CloudTruncated):
            await events_of(client)
        with pytest.raises(errors.CloudRejected, match="no model of that name"):
            await client.generate("hi", model="other")
    async with deployment.client(key="x" * 24) as stranger:
        with pytest.raises(errors.CloudUnauthenticated, match="unknown or revoked"):
            await stranger.generate("hi")


@pytest.mark.slow
async def test_whoever_goes_away_ends_what_they_asked_for(deployment: Deployment) -> None:
    deployment.script(Reply(hold_after=2))
    async with deployment.client() as client, aclosing(client.stream("hi", timeout_ms=2_000)) as events:
        with pytest.raises(errors.CloudTimeout):
            _ = [event async for event in events]
    async with asyncio.timeout(PATIENCE_S):
        await deployment.upstream.disconnected.wait()


@pytest.mark.slow
async def test_load_balancers_see_whether_it_serves(deployment: Deployment) -> None:
    async with grpc.aio.insecure_channel(deployment.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
        assert await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE)) == serving
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Check(health_pb2.HealthCheckRequest(service="other"))


@pytest.mark.slow
async def test_a_killed_replica_loses_no_answer_and_no_cent(deployment: Deployment) -> None:
    """Under load, and then a rolling update under load, which nobody notices at all."""
    deployment.script(Reply(between_ms=5))
    lost: Counter[str] = Counter()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, client: AsyncGateway) -> Generation:
        async with room:
            if number == BURST // 3:
                os.kill(deployment.ray.replicas("gateway")[0], signal.SIGKILL)
            return await answered(client, f"killed-{number}", lost)

    async with deployment.client() as client, asyncio.timeout(PATIENCE_S):
        before_nano_usd = await spent_nano_usd(client)
        generations = await asyncio.gather(*(one(number, client) for number in range(BURST)))
        billed_nano_usd = await spent_nano_usd(client) - before_nano_usd
    assert billed_nano_usd == sum(round(generation.usd * 1e9) for generation in generations)
    assert {generation.text for generation in generations} == {"Bees make honey."}
    assert BURST <= deployment.upstream.chats <= BURST + AT_ONCE, lost


@pytest.mark.slow
async def test_a_rolling_update_is_not_noticed(deployment: Deployment) -> None:
    deployment.script(Reply(between_ms=5))
    before = set(deployment.ray.replicas("gateway"))
    asked, lost, done = 0, Counter[str](), asyncio.Event()

    async def ask_on(client: AsyncGateway) -> None:
        nonlocal asked
        while not done.is_set():
            asked += 1
            assert (await answered(client, f"update-{asked}", lost)).text == "Bees make honey."

    async with deployment.client() as client, asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(ask_on(client))
        await deployment.update()
        done.set()
    assert not before & set(deployment.ray.replicas("gateway"))
    assert not lost
    assert deployment.upstream.chats == asked


@pytest.mark.slow
async def test_a_model_server_behind_serve_is_replaced_when_it_dies(deployment: Deployment) -> None:
    body = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}
    url = f"{deployment.model_url}/chat/completions"
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http, asyncio.timeout(PATIENCE_S):
        whole = await http.post(url, json=body)
        async with http.stream("POST", url, json=body | {"stream": True}) as reply:
            lines = [line async for line in reply.aiter_lines() if line]
        assert whole.json()["choices"][0]["message"]["content"].split() == ["word"] * 32
        assert (len(lines), lines[-1]) == (34, "data: [DONE]")

        (program,) = deployment.ray.processes("simulation.upstream")
        os.kill(program, signal.SIGKILL)
        while (await http.post(url, json=body)).status_code != 200:  # noqa: ASYNC110  # Serve notices in its own time
            await asyncio.sleep(0.2)
        (replacement,) = deployment.ray.processes("simulation.upstream")
        assert replacement != program
