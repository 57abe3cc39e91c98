"""The whole system in containers: it comes up, answers from the device and from the cloud, and outlives the gateway.

Without a running Docker engine the test starts one where the repository's neighbour `../shared/tools/with-docker` can,
and goes through it in a second pytest; elsewhere it skips.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WITH_DOCKER = ROOT.parent / "shared/tools/with-docker"
SMALL = "smollm2-135m-instruct"
"""Stands in for the cloud model too: half a gigabyte less to download, and the way of an answer is the same."""
INSIDE = "COMPOSE_TEST_HAS_ENGINE"
NO_ENGINE_STATUS = 75
UP_S = 900


def engine_runs() -> bool:
    """Whether a Docker engine with Compose answers."""
    if shutil.which("docker") is None:
        return False
    asked = (["docker", "info"], ["docker", "compose", "version"])
    return all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in asked)


@dataclass(frozen=True)
class Project:
    """One run of docker-compose.yml, under a name and on a port of its own."""

    name: str
    port: int

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {"COMPOSE_PROJECT_NAME": self.name, "AGENT_PORT": str(self.port), "STAND_IN_MODEL": SMALL}
        environment = {**os.environ, **settings}
        command = ["docker", "compose", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def output(self, *arguments: str) -> str:
        """What a command prints, which must succeed."""
        done = self.compose(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, question: str, **extension: str) -> dict[str, Any]:
        """A question over HTTP, as a client of this machine asks it."""
        body = {
            "model": "edgewise",
            "max_tokens": 24,
            "messages": [{"role": "user", "content": question}],
            "edgewise": extension,
        }
        reply = httpx.post(f"http://127.0.0.1:{self.port}/v1/chat/completions", json=body, timeout=120)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


@pytest.fixture
def project() -> Iterator[Project]:
    """The system, up and healthy; gone with its volumes afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Project(f"edgewise-test-{secrets.token_hex(4)}", port)
    try:
        up = running.compose("up", "--build", "--wait")
        assert up.returncode == 0, f"{up.stderr[-4000:]}\n{running.compose('logs', '--tail', '20').stdout}"
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "5")


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(UP_S + 300)
def test_edge_and_cloud_in_containers(request: pytest.FixtureRequest) -> None:
    if not engine_runs():
        through_with_docker()
        return
    project: Project = request.getfixturevalue("project")
    assert httpx.get(f"http://127.0.0.1:{project.port}/health").json()["status"] == "ok"
    assert project.output("exec", "-T", "agent", "id", "-u") == "10001"
    look = "from importlib.util import find_spec; print(find_spec('onnxruntime'))"
    assert project.output("exec", "-T", "gateway", "python", "-c", look) == "None"

    answer = project.ask("What do bees make?", route="local")
    assert "honey" in answer["choices"][0]["message"]["content"].lower()
    assert answer["edgewise"]["route"] == "local"
    assert not answer["edgewise"]["egress"]["sent"]

    answer = project.ask("What do bees make?", route="cloud")
    assert answer["choices"][0]["message"]["content"]
    assert answer["edgewise"]["route"] == "cloud"
    assert answer["edgewise"]["egress"]["sent"]
    assert answer["edgewise"]["cost_usd"] > 0

    project.output("stop", "--timeout", "5", "gateway")
    answer = project.ask("What do bees make?")
    assert answer["choices"][0]["message"]["content"]
    assert answer["edgewise"]["route"] == "local"


def through_with_docker() -> None:
    """Run this test where an engine is started for it.

    Raises:
        pytest.skip.Exception: none can be.
    """
    if INSIDE in os.environ or not WITH_DOCKER.exists() or os.geteuid() != 0:
        pytest.skip("no Docker engine answers `docker info`, and none can be started here")
    command = [str(WITH_DOCKER), sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", __file__]
    environment = {**os.environ, INSIDE: "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == NO_ENGINE_STATUS:
        pytest.skip(f"no Docker engine could be started: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    assert "skipped" not in done.stdout, done.stdout


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    return found


def test_only_the_agent_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert list(published) == ["agent"]
    assert all(port.startswith("127.0.0.1:") for port in published["agent"])


def test_every_server_says_how_it_is_and_comes_back() -> None:
    for name, service in services().items():
        if name != "setup":
            assert service["restart"] == "unless-stopped", name
            assert "test" in service["healthcheck"], name


def test_every_container_is_confined() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    stages = (ROOT / "Dockerfile").read_text("utf-8").split("\nFROM ")
    assert all("USER edgewise" in stage for stage in stages if stage.splitlines()[0].endswith((" gateway", " agent")))


def test_no_secret_is_in_the_compose_files() -> None:
    """A secret is a variable that the user sets, or a file that the first start makes."""
    for service in services().values():
        given = service.get("environment", {})
        pairs = given.items() if isinstance(given, dict) else [line.partition("=")[::2] for line in given]
        assert all(value.startswith("${") for name, value in pairs if name.endswith("_KEY") and value)
    gateway = yaml.safe_load((ROOT / "deploy/compose/gateway.yaml").read_text("utf-8"))
    assert all(key.keys() == {"name", "key_env"} for key in gateway["keys"])
