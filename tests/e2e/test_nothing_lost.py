"""Nothing lost: killed processes, a crowd of them, a full disk, a folder that may not be written."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.context.backup import backup, restore
from edge_agent.context.check import check
from edge_agent.context.items import Item
from edge_agent.context.repair import repair
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import StoreError, StoreUnavailable
from orchestrator.types import Record
from tests.e2e.crowding import SHARED

_ROOT = Path(__file__).resolve().parents[2]
_NOBODY = 65534
_FILE_LIMIT = 1_000_000

needs_posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def program(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"tests.e2e.{name}", *map(str, arguments)]


@needs_posix
class TestKilled:
    """What a killed process had acknowledged is there, and the file is sound."""

    @pytest.mark.parametrize("scenario", ["import", "migration", "embedding", "exchange"])
    def test_again_and_again(self, tmp_path: Path, scenario: str) -> None:
        subprocess.run(program("killing", scenario, tmp_path, 10, 1), cwd=_ROOT, check=True, timeout=120)

    @pytest.mark.slow
    @pytest.mark.timeout(900)
    @pytest.mark.parametrize("scenario", ["import", "migration", "embedding", "exchange"])
    def test_hundreds_of_times(self, tmp_path: Path, scenario: str) -> None:
        subprocess.run(program("killing", scenario, tmp_path, 300, 2), cwd=_ROOT, check=True, timeout=900)


class TestCrowd:
    """Processes that write and read one store at once."""

    def test_eight_processes_lose_no_update_and_meet_no_lock(self, tmp_path: Path) -> None:
        self._crowd(tmp_path / "context.db", processes=8, rounds=15)

    @pytest.mark.slow
    def test_eight_processes_for_longer(self, tmp_path: Path) -> None:
        self._crowd(tmp_path / "context.db", processes=8, rounds=300)

    def _crowd(self, path: Path, *, processes: int, rounds: int) -> None:
        SqliteContextStore(path).close()
        names = [f"process{number}" for number in range(processes)]
        crowd = [
            subprocess.Popen(
                program("crowding", path, name, rounds),
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        for child in crowd:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in crowd:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        told = [child.communicate()[0] for child in crowd]
        assert [child.returncode for child in crowd] == [0] * processes
        self._compare(path, dict(zip(names, map(json.loads, told), strict=True)), rounds)

    def _compare(self, path: Path, told: dict[str, dict[str, dict[str, str]]], rounds: int) -> None:
        with SqliteContextStore(path) as store:
            held = {item["id"]: item for item in map(json.loads, store.export())}
        notes = {str(number): item["body"] for number, item in held.items() if item["kind"] == "note"}
        assert notes == {number: body for did in told.values() for number, body in did["kept"].items()}
        own = {item["key"]: item["body"] for item in held.values() if item["kind"] == "own"}
        assert own == {f"own:{name}": f"{name} wrote this in round {rounds - 1}" for name in told}
        shared = {item["key"]: item["body"] for item in held.values() if item["kind"] == "shared"}
        assert len(shared) <= SHARED
        for key, body in shared.items():
            assert body in {did["last"].get(key) for did in told.values()}, "an update was lost: an older one is there"
        assert check(path).faults == ()


class TestFullDisk:
    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        """Two megabytes of memory as a disk."""
        folder = tmp_path / "disk"
        folder.mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if made.returncode:
            pytest.skip("this process may not mount a small disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    def test_what_was_acknowledged_stays_and_room_is_all_it_needs(self, small_disk: Path, tmp_path: Path) -> None:
        path = small_disk / "context.db"
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(300_000))
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            raise self._refusal(path)
        added = self._count(path)
        assert added > 20
        self._refused_too(path, small_disk)
        assert backup(path, tmp_path / "elsewhere.db").records == added
        ballast.unlink()
        assert check(path).faults == ()
        with SqliteContextStore(path) as store:
            store.add(Record(kind="note", body="there is room again"))
        assert self._count(path) == added + 1

    def _refusal(self, path: Path) -> StoreError:
        added = 0
        with SqliteContextStore(path) as store:
            try:
                while True:
                    store.put([Item(Record(kind="note", body=f"note {added} " * 50), f"note:{added}")])
                    added += 1
            except StoreError as error:
                refused = error
            assert store.stats().records == added
        return refused

    def _refused_too(self, path: Path, folder: Path) -> None:
        """What needs room of its own says so, and leaves nothing behind."""
        before = sorted(file.name for file in folder.iterdir())
        with pytest.raises(StoreUnavailable, match=r"the copy .*kept\.db cannot grow: the disk is full"):
            backup(path, folder / "kept.db")
        assert sorted(file.name for file in folder.iterdir()) == before

    def _count(self, path: Path) -> int:
        with SqliteContextStore(path) as store:
            return store.stats().records

    def test_a_limit_of_the_files_size(self, tmp_path: Path) -> None:
        """Where nothing may be mounted: the system refuses to let a file grow."""
        path = tmp_path / "context.db"
        with limited():
            refused = self._refusal(path)
        assert isinstance(refused, StoreUnavailable)
        assert str(path) in refused.message
        assert check(path).faults == ()
        assert self._count(path) > 10


@contextmanager
def limited() -> Iterator[None]:
    """No file of this process may grow beyond a megabyte; asking for more is an error, not the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everything, so where the tests run as root they become nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestReadOnly:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder that others may look into, which pytest's are not."""
        with tempfile.TemporaryDirectory() as name:
            os.chmod(name, 0o755)
            yield Path(name)

    def test_a_folder_that_may_not_be_written(self, folder: Path) -> None:
        path = folder / "context.db"
        with SqliteContextStore(path) as store:
            store.add(Record(kind="note", body="kept"))
        path.chmod(0o444)
        folder.chmod(0o555)
        with as_nobody():
            for attempt in (
                lambda: SqliteContextStore(path),
                lambda: restore(path, folder / "other.db"),
                lambda: repair(path),
                lambda: backup(path, folder / "kept.db"),
                lambda: SqliteContextStore(folder / "new" / "context.db"),
            ):
                with pytest.raises(StoreUnavailable) as refused:
                    attempt()
                assert str(folder) in refused.value.message
                assert "allow" in refused.value.remedy
        folder.chmod(0o755)
        with SqliteContextStore(path) as store:
            assert [record.body for record in store.list()] == ["kept"]
