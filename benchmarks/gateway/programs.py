"""The processes that are measured: a simulated model server, the gateway before it, and LiteLLM's proxy before it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

MODEL: Final = "simulated"
_READY_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Program:
    """A child process that listens."""

    pid: int
    address: str

    @property
    def cpu_s(self) -> float:
        """Processor seconds that it has used, in user and system mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_mb(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def upstream(*, tokens: int = 32, first_ms: float = 0.0, between_ms: float = 0.0) -> Iterator[Program]:
    """A model server whose answers have `tokens` tokens, begin after `first_ms`, and stream with `between_ms` between
    two tokens."""
    figures = {"--tokens": tokens, "--first-ms": first_ms, "--between-ms": between_ms}
    with _announced("-m", "simulation.upstream", *(str(part) for pair in figures.items() for part in pair)) as program:
        yield program


@contextmanager
def gateway(before: Program, **sections: Any) -> Iterator[Program]:
    """A gateway process, configured as it is out of the box but for `sections`."""
    model = {
        "name": MODEL,
        "context_tokens": 8192,
        "usd_per_million_prompt_tokens": 0.15,
        "usd_per_million_completion_tokens": 0.6,
    }
    config = {
        "allow_anonymous": True,
        "upstream": {"base_url": f"http://{before.address}/v1"},
        "models": [model],
    } | sections
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yaml"
        file.write_text(yaml.safe_dump(config))
        script = "from cloud_gateway.cli import main; main()"
        with _announced("-c", script, "serve", "--config", str(file), "--port", "0") as program:
            yield program


@contextmanager
def litellm(python: Path, before: Program) -> Iterator[Program]:
    """LiteLLM's proxy with one worker, its logs and reports home off; `python` is that of the environment it is in."""
    parameters = {"model": f"openai/{MODEL}", "api_base": f"http://{before.address}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
        "litellm_settings": {"telemetry": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "litellm.yaml"
        file.write_text(yaml.safe_dump(config))
        port = _free_port()
        command = [str(python.parent / "litellm"), "--config", str(file), "--port", str(port), "--host", "127.0.0.1"]
        settings = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            # The gateway takes callers without a key, too.
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "NO_PROXY": "*",
        }
        with _child(command, os.environ | settings, output=subprocess.DEVNULL) as child:
            _wait_for(f"http://127.0.0.1:{port}/health/liveliness", child)
            yield Program(child.pid, f"127.0.0.1:{port}")


@contextmanager
def _announced(*arguments: str) -> Iterator[Program]:
    """A Python program whose first line says where it listens."""
    with _child([sys.executable, *arguments], os.environ) as child:
        assert child.stdout is not None
        yield Program(child.pid, child.stdout.readline().split()[-1])


@contextmanager
def _child(
    command: list[str], environment: Mapping[str, str], *, output: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, text=True, env=dict(environment))
    try:
        yield child
    finally:
        child.terminate()
        child.communicate()


def _wait_for(url: str, child: subprocess.Popen[str]) -> None:
    end_s = time.monotonic() + _READY_S
    while time.monotonic() < end_s and child.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{url} did not come up within {_READY_S:g} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
