"""A file takes another's place: whole or not at all, whatever moment it is killed at."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge_agent.replacing import beside, replace, sweep, wipe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with its successor beside it."""
    path = tmp_path / "store.db"
    path.write_bytes(b"old" * 1000)
    beside(path).write_bytes(b"new")
    return path


def listing(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_the_new_file_is_there_and_the_old_one_is_zeros(path: Path) -> None:
    with path.open("rb") as old:
        replace(path)
        assert old.read() == bytes(3000)
    assert path.read_bytes() == b"new"
    assert listing(path) == ["store.db"]


def test_a_link_goes_on_pointing_at_the_file(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    replace(link)
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_a_folder_without_links_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(PermissionError):
        replace(path)
    assert path.read_bytes() == b"old" * 1000


@pytest.mark.parametrize("survivor", ["old", "new"])
def test_what_a_killed_replacement_left_is_swept(path: Path, survivor: str) -> None:
    path.with_name("store.db-journal").write_bytes(b"old pages")
    old = path.with_name("store.db.replaced")
    os.link(path, old)
    if survivor == "new":
        os.replace(beside(path), path)
    with old.open("rb") as left:
        sweep(path)
        assert (left.read() == bytes(3000)) == (survivor == "new")
    assert path.read_bytes()[:3] == survivor.encode()
    assert listing(path) == ["store.db"]


def test_nothing_to_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "store.db")
    wipe(tmp_path / "store.db")
    assert not listing(tmp_path / "store.db")
