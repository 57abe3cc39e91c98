"""The processes of the demo: a cloud model and a gateway in front of it, each a real one, each ended with the demo."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from edge_agent.home import models_dir
from edge_agent.slm.progress import Progress
from orchestrator.errors import ProcessFailed

CLOUD_MODEL: Final = "qwen2.5-coder-0.5b-instruct"
_LISTENING: Final = re.compile(r"listening on (?:\w+://)?(\S+:\d+)")
_START_S: Final = 90.0
_STOP_S: Final = 5.0


@dataclass(slots=True)
class Process:
    """A child process that has said where it listens."""

    name: str
    child: subprocess.Popen[bytes]
    address: str
    """`host:port`."""

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """Ask it to end; insist after a few seconds."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass(frozen=True, slots=True)
class Upstream:
    """A model server."""

    base_url: str
    model: str
    in_words: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """The cloud side, running."""

    gateway: Process
    api_key: str
    upstream: str
    """What stands behind the gateway, in words."""


@contextlib.contextmanager
def cloud_side(folder: Path, progress: Progress, *, model: str = CLOUD_MODEL) -> Iterator[Cloud]:
    """Start the cloud model and the gateway; end both when the block ends, however it ends.

    With `CLOUD_BASE_URL` (and `CLOUD_API_KEY`, and `CLOUD_MODEL` for its model's name) in the environment the gateway
    stands in front of that server instead of `model` on this machine.

    Raises:
        ProcessFailed: a process did not start; the message quotes the end of its log.
    """
    with cloud_model(folder, progress, model) as server, gateway_before(server, folder, progress) as cloud:
        yield cloud


@contextlib.contextmanager
def cloud_model(folder: Path, progress: Progress, model: str = CLOUD_MODEL) -> Iterator[Upstream]:
    """The model that stands behind the gateway, a process of its own; see `cloud_side`."""
    if base_url := os.environ.get("CLOUD_BASE_URL"):
        yield Upstream(base_url, os.environ.get("CLOUD_MODEL", model), "the server of CLOUD_BASE_URL")
        return
    progress.note(f"starting the cloud model {model}")
    arguments = ["serve", "--model", model, "--route", "local", "--port", "0"]
    home = {"EDGEWISE_HOME": str(folder / "cloud-model"), "EDGEWISE_MODELS": str(models_dir())}
    server = _start("edgewise", arguments, folder, "cloud-model", home)
    try:
        yield Upstream(f"http://{server.address}/v1", model, f"{model} on this machine")
    finally:
        server.stop()


@contextlib.contextmanager
def gateway_before(upstream: Upstream, folder: Path, progress: Progress) -> Iterator[Cloud]:
    """A gateway in front of a model, a process of its own; see `cloud_side`."""
    progress.note("starting the gateway")
    key = secrets.token_urlsafe(32)
    config = folder / "gateway.yaml"
    config.write_text(yaml.safe_dump(_gateway_config(upstream)), encoding="utf-8")
    arguments = ["serve", "--config", str(config), "--port", "0"]
    environment = {"CLOUD_API_KEY": os.environ.get("CLOUD_API_KEY", "none"), "DEMO_KEY": key}
    gateway = _start("edgewise-gateway", arguments, folder, "gateway", environment)
    try:
        yield Cloud(gateway, key, upstream.in_words)
    finally:
        gateway.stop()


def _gateway_config(upstream: Upstream) -> Mapping[str, object]:
    """One upstream, one price, one key that is taken from the environment."""
    return {
        "upstream": {"base_url": upstream.base_url, "api_key_env": "CLOUD_API_KEY"},
        "models": [
            {
                "name": upstream.model,
                "context_tokens": 8192,
                "usd_per_million_prompt_tokens": 0.15,
                "usd_per_million_completion_tokens": 0.60,
            }
        ],
        "keys": [{"name": "demo", "key_env": "DEMO_KEY"}],
    }


def _start(program: str, arguments: list[str], folder: Path, name: str, environment: Mapping[str, str]) -> Process:
    """Start a console script in a session of its own, so that Ctrl-C reaches the demo alone, which then ends it."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [_script(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            start_new_session=True,
        )
    try:
        return Process(name, child, _address(child, log, name))
    except BaseException:
        child.kill()
        child.wait()
        raise


def _address(child: subprocess.Popen[bytes], log: Path, name: str) -> str:
    """Where it listens, once it says so."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and child.poll() is None:
        if found := _LISTENING.search(log.read_text(encoding="utf-8", errors="replace")):
            return found[1]
        time.sleep(0.05)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise ProcessFailed(f"the {name} did not start: {' / '.join(last) or 'it said nothing'}")


def _script(program: str) -> str:
    """A console script of this very installation."""
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise ProcessFailed(f"the program {program} is not installed", remedy="pip install 'edgewise[all]'")
    return found
