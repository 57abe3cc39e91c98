"""One file takes another's place: at any moment there is a whole one, and nothing is overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.context import swap
from orchestrator.errors import StoreUnavailable


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_what_was_there_is_kept_with_its_log(tmp_path: Path) -> None:
    for name, text in {"a.db": "old", "a.db-wal": "log", "a.db-shm": "memory", "a.former-1.db": "older"}.items():
        (tmp_path / name).write_text(text)
    with swap.making(tmp_path / "a.db") as partial:
        partial.write_text("new")
        assert swap.exchange(partial, tmp_path / "a.db") == tmp_path / "a.former-2.db"
    assert contents(tmp_path) == {
        "a.db": "new",
        "a.former-1.db": "older",
        "a.former-2.db": "old",
        "a.former-2.db-wal": "log",
    }


def test_where_nothing_was_nothing_is_kept(tmp_path: Path) -> None:
    with swap.making(tmp_path / "new" / "a.db") as partial:
        partial.write_text("new")
        assert swap.exchange(partial, tmp_path / "new" / "a.db") is None
    assert contents(tmp_path / "new") == {"a.db": "new"}


def test_an_attempt_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".a.db.partial").write_text("of one that was killed")

    def half() -> None:
        with swap.making(tmp_path / "a.db") as partial:
            assert not partial.exists()
            partial.write_text("half")
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert contents(tmp_path) == {}


def test_a_disk_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a.db").write_text("old")
    with swap.making(tmp_path / "a.db") as partial:
        partial.write_text("new")
        swap.exchange(partial, tmp_path / "a.db")
    assert contents(tmp_path) == {"a.db": "new", "a.former-1.db": "old"}


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = pytest.raises(StoreUnavailable, match=r"file/new/a\.db cannot be written: not a directory")
    with refused, swap.making(tmp_path / "file" / "new" / "a.db"):
        pass
