"""A real Ray with Serve on this machine, in processes of its own: for tests and measurements.

`python -m simulation.ray_cluster SERVE_FILE` starts it as `serve run SERVE_FILE` does, but small, without the dashboard
and without reports to Ray's makers. It says `running` once every application is, takes the name of another file on its
standard input (a rolling update), and ends with the input.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Self

from orchestrator.errors import ProcessFailed

_RUNNING: Final = "running"
_POLL_S: Final = 0.1
_OBJECT_STORE_BYTES: Final = 80 * 2**20
"""The least that Ray takes."""
_SWITCHES: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}


class RayCluster:
    """The cluster. `with RayCluster(serve_file, log=path, environment=…) as ray:` waits until all of it runs."""

    def __init__(self, serve_file: Path, *, log: Path, environment: dict[str, str]) -> None:
        """What Ray and the replicas say goes to `log`; they have `environment`."""
        self._serve_file = serve_file
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def update(self, serve_file: Path) -> None:
        """Deploy another file over the running one, and wait until it is in place.

        Raises:
            ProcessFailed: it does not come up.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{serve_file}\n")
        self._process.stdin.flush()
        self._await_running()

    def replicas(self, deployment: str) -> list[int]:
        """Process ids of the replicas of `deployment`."""
        return self.processes(f"ray::ServeReplica:{deployment}")

    def processes(self, words: str) -> list[int]:
        """Ids of the cluster's processes with `words` in their command lines."""
        assert self._process is not None
        return sorted(pid for pid in _descendants(self._process.pid) if words in _command(pid))

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "simulation.ray_cluster", str(self._serve_file)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environment
            )
        try:
            self._await_running()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.communicate()

    def _await_running(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == _RUNNING:
                return
        raise ProcessFailed("Ray did not come up", remedy=f"its log is {self._log}")


def _descendants(root: int) -> set[int]:
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found, more = {root}, {root}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - found
        found |= more
    return found - {root}


def _parent(process: Path) -> int:
    try:
        # The name before it, in parentheses, may hold anything.
        return int((process / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def main(serve_file: str, files: Iterable[str], answers: IO[str]) -> None:
    """Run `serve_file`, then each of `files`; say in `answers` when each is in place."""
    os.environ |= _SWITCHES
    import ray
    from ray import serve
    from ray.serve.scripts import cli

    # Ray's sockets are below it, and the name of a socket is short.
    folder = tempfile.mkdtemp(prefix="ray-")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        namespace="serve",
        _temp_dir=folder,
    )
    try:
        for file in chain([serve_file], files):
            before_s = time.time()
            cli(["run", "--non-blocking", file.strip()], standalone_mode=False)
            while not _in_place(serve.status(), before_s):
                time.sleep(_POLL_S)
            answers.write(f"{_RUNNING}\n")
            answers.flush()
        serve.shutdown()  # type: ignore[no-untyped-call]
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _in_place(status: Any, since_s: float) -> bool:
    """Whether every application was deployed after `since_s`, a time of day as Serve has it, and runs as it should.

    Raises:
        ProcessFailed: one cannot.
    """
    applications = status.applications.values()
    states = {str(application.status.value) for application in applications}
    if "DEPLOY_FAILED" in states:
        raise ProcessFailed("an application cannot be deployed", remedy="the log of the cluster says why")
    return states == {"RUNNING"} and all(application.last_deployed_time_s >= since_s for application in applications)


if __name__ == "__main__":
    # Serve prints to the standard output, which is for our own words: there it goes to the log.
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(sys.argv[1], sys.stdin, own)
