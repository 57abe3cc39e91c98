from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.slm.installed import installed, verify
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import ensure, pull


def loads(folder: Path) -> bool:
    with OnnxModel.open(folder):
        return True


# Runs a pull that dies, without any clean-up, when it gets to the n-th point of the kind that argv names.
DIES = """
import os, pathlib, signal, sys
from contextlib import nullcontext
from edge_agent.slm.pull import pull

name, kind, left = sys.argv[1], sys.argv[2], int(sys.argv[3])

def point(happened):
    global left
    if happened == kind:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

class Told:
    def note(self, line):
        point("note")
    def task(self, label, total, *, in_bytes=True):
        point(label.split()[0])
        return nullcontext(lambda done: point("advance"))

def watch(owner, name):
    inner = getattr(owner, name)
    def watched(*args, **options):
        result = inner(*args, **options)
        point(name)
        return result
    setattr(owner, name, watched)

watch(pathlib.Path, "rename")
watch(os, "fsync")

pull(name, again=True, progress=Told())
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
class TestKill:
    """`kill -9` at any moment leaves the old model or the new one, and the next pull goes on."""

    def die(self, name: str, kind: str, count: int) -> None:
        done = subprocess.run(
            [sys.executable, "-c", DIES, name, kind, str(count)], capture_output=True, text=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr

    @pytest.mark.parametrize(
        ("kind", "count"),
        [("note", 0), ("converting", 0), ("advance", 5), ("rename", 0), ("rename", 1), ("rename", 2)],
    )
    def test_over_an_older_model(self, from_path: str, kind: str, count: int) -> None:
        pull(from_path)
        self.die(from_path, kind, count)
        there = installed(from_path)
        assert there
        assert loads(verify(from_path).path)
        assert pull(from_path, again=True).path == there.path

    def test_the_first_time(self, two_wheels: str, told: Any, edgewise_home: Path) -> None:
        self.die(two_wheels, "converting", 0)
        assert installed(two_wheels) is None
        shutil.rmtree(edgewise_home / "wheels")  # what was downloaded and joined is enough
        assert loads(pull(two_wheels, progress=told).path)

    def test_between_two_parts(self, two_wheels: str, told: Any, edgewise_home: Path) -> None:
        self.die(two_wheels, "fsync", 0)  # the first wheel is joined
        (edgewise_home / "wheels" / "tiny_part1-1.0-py3-none-any.whl").unlink()
        assert loads(pull(two_wheels, progress=told).path)
        assert "1 of 2 parts are here already" in told.notes


class TestTwoAtOnce:
    def test_only_one_downloads(self, add_model: Callable[..., None], hub: Any, tiny_gguf: Path, told: Any) -> None:
        add_model(hub.entry("tiny.gguf", tiny_gguf.read_bytes()))
        arrived, waiting = threading.Event(), threading.Event()

        def hold() -> None:
            arrived.set()
            waiting.wait(60)

        hub.before_get = hold
        told.note = lambda line: waiting.set() if "waiting for it" in line else None
        command = "from edge_agent.slm.pull import ensure; print(ensure('tiny-chat'))"
        with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) as other:
            assert arrived.wait(60)
            path = ensure("tiny-chat", progress=told)
            output, _ = other.communicate(timeout=60)
        assert output.strip() == str(path)
        assert waiting.is_set()
        assert len(hub.gets()) == 1
