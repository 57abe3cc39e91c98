"""A second process that reads: it brings what is read here, and whatever happens to it, nothing is lost or left."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.context.importers import ahead, import_paths
from edge_agent.context.importers.ahead import batches
from edge_agent.context.importers.formats import entries
from edge_agent.context.importers.reading import Skipped
from edge_agent.context.labels import Labels, Rule
from edge_agent.context.preparing import Prepared, prepare
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Sensitivity

_MAILS = 2000
_SIZE = 50
_RULES = Labels(
    [Rule(label=Sensitivity.PUBLIC, pattern="number 1[0-9]*0$"), Rule(label=Sensitivity.PRIVATE, sender="H3")]
)

_DIES = """
import os, sys
from edge_agent.context.importers import ahead
send, sent = ahead._send, []
def dying(batch):
    if len(sent) == 3:
        sys.stdout.buffer.write(b"\\x80\\x05half a batch")
        sys.stdout.buffer.flush()
        os._exit(1)
    sent.append(batch)
    send(batch)
ahead._send = dying
ahead.main()
"""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Answers, a private one, one that is broken, one that was thrown away, one in an old character set."""
    words = "the blood test is on Friday, bring the letter. " * 5
    odd = {
        7: b"\nno headers\n",
        8: b"From: a@x\nSubject: gone\nX-Gmail-Labels: Spam\n\nx\n",
        9: b"From: a@x\nSubject: Gr\xfc\xdfe\nDate: Wed, 18 Nov 2026 21:37:00 +0530\n\nSch\xf6n\n",
    }
    mails = (
        odd.get(number)
        or (
            f"From: H{number % 9} <h@x>\nMessage-ID: <{number}@x>\nIn-Reply-To: <{number - number % 5}@x>\n"
            f"Subject: number {number}\n\n{words if number % 3 else 'hello'}\n\n"
        ).encode()
        for number in range(_MAILS)
    )
    path = tmp_path / "all.mbox"
    path.write_bytes(b"".join(b"From x Mon Nov 23 09:00:00 2026\n" + mail for mail in mails))
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Any file is large, there are two cores, and here is what was started."""
    made = list[subprocess.Popen[bytes]]()
    start = subprocess.Popen

    def starting(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        made.append(start(*arguments, **options))  # type: ignore[call-overload]
        return made[-1]

    monkeypatch.setattr(ahead, "_LARGE_BYTES", 0)
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", starting)
    return made


def read(path: Path) -> list[Prepared | Skipped]:
    return [entry for batch in batches(path, _SIZE, _RULES) for entry in batch]


def read_here(path: Path) -> list[Prepared | Skipped]:
    return [entry if isinstance(entry, Skipped) else prepare(entry, _RULES) for entry in entries(path)]


def brought(folder: Path, path: Path) -> tuple[list[str], tuple[Skipped, ...]]:
    """Every record with its id and label, and what was skipped."""
    with SqliteContextStore(folder, labels=_RULES) as store:
        skipped = import_paths(store, [path]).skipped
        return list(store.export()), skipped


def test_the_store_is_the_same(tmp_path: Path, box: Path, started: list[subprocess.Popen[bytes]]) -> None:
    ahead_of = brought(tmp_path / "ahead.db", box)
    assert [process.returncode is not None for process in started] == [True]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "usable_cores", lambda: 1)
        assert brought(tmp_path / "here.db", box) == ahead_of
    assert len(started) == 1
    assert (len(ahead_of[0]), len(ahead_of[1])) == (_MAILS - 2, 1)


def test_one_that_is_killed_is_gone_on_for(
    box: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_PROGRAM", _DIES)
    assert read(box) == read_here(box)
    assert len(started) == 1


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python"])
def test_without_an_interpreter_it_is_read_here(
    box: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)
    assert read(box) == read_here(box)
    assert not started


def test_a_file_that_is_gone_is_skipped(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    (skipped,) = read(tmp_path / "none.mbox")
    assert isinstance(skipped, Skipped)
    assert not started


def test_an_import_that_stops_leaves_no_process(box: Path, started: list[subprocess.Popen[bytes]]) -> None:
    with closing(batches(box, _SIZE, _RULES)) as found:
        assert len(next(found)) == _SIZE
        assert started[0].poll() is None
    assert started[0].returncode is not None


@contextmanager
def reading(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The second process alone, its first batch read."""
    command = [sys.executable, "-c", ahead._PROGRAM, str(path), str(_SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump(_RULES, process.stdin)
        process.stdin.close()
        assert len(pickle.load(process.stdout)) == _SIZE
        yield process


def test_it_ends_when_the_importing_process_was_killed(box: Path) -> None:
    with reading(box) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0


def test_ctrl_c_is_left_to_the_importing_process(box: Path) -> None:
    with reading(box) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        batch: list[Prepared | Skipped] = [Skipped("", "")]
        while batch:
            batch = pickle.load(process.stdout)
        assert process.wait(timeout=60) == 0
