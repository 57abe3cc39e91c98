"""deploy/scale in containers: what its files promise, and where a Docker engine is, an answer through all of it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.client import Gateway
from tests.e2e.test_compose import INSIDE, NO_ENGINE_STATUS, ROOT, UP_S, WITH_DOCKER, engine_runs

FOLDER = ROOT / "deploy/scale"
KEY = "a-key-for-tests-and-nothing-else"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]
    return found


def test_only_envoy_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert list(published) == ["envoy"]
    assert all(port.startswith("127.0.0.1:") for port in published["envoy"])


def test_every_container_is_confined_and_every_image_has_a_version() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "build" in service or ":" in service["image"], name


def test_containers_outlive_the_gateways_draining() -> None:
    drain_s = yaml.safe_load((FOLDER / "gateway.yaml").read_text("utf-8"))["drain_s"]
    assert int(services()["gateway"]["stop_grace_period"].removesuffix("s")) > drain_s


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(UP_S + 300)
def test_an_answer_through_envoy_in_containers() -> None:
    if not engine_runs():
        through_with_docker()
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    name = f"edgewise-test-{secrets.token_hex(4)}"
    environment = os.environ | {"COMPOSE_PROJECT_NAME": name, "GATEWAY_PORT": str(port), "GATEWAY_KEY": KEY}

    def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
        files = ["-f", str(FOLDER / "compose.yaml"), "-f", str(FOLDER / "compose.build.yaml")]
        command = ["docker", "compose", *files, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    try:
        up = compose("up", "--build", "--wait")
        assert up.returncode == 0, f"{up.stderr[-4000:]}\n{compose('logs', '--tail', '20').stdout}"
        with Gateway(f"127.0.0.1:{port}", api_key=KEY, model="model") as gateway:
            answer = gateway.generate("What do bees make?")
            assert answer.text.split() == ["word"] * 32
            (spent, *_) = (window.nano_usd.spent for window in gateway.usage())
            assert spent == round(answer.usd * 1e9)
    finally:
        compose("down", "--volumes", "--timeout", "5")


def through_with_docker() -> None:
    """Run this test where an engine is started for it.

    Raises:
        pytest.skip.Exception: none can be.
    """
    if INSIDE in os.environ or not WITH_DOCKER.exists() or os.geteuid() != 0:
        pytest.skip("no Docker engine answers `docker info`, and none can be started here")
    command = [str(WITH_DOCKER), sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(Path(__file__))]
    environment = os.environ | {INSIDE: "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == NO_ENGINE_STATUS:
        pytest.skip(f"no Docker engine could be started: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    assert "skipped" not in done.stdout, done.stdout
