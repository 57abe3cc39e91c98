"""`edgewise context backup`, `restore`, `check` and `repair`, as their user types them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge_agent.cli.context import app
from orchestrator.errors import StoreCorrupt, StoreUnavailable
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)
run, done, error = COMMANDS.run, COMMANDS.done, COMMANDS.error


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a store of three notes."""
    home = tmp_path / "home"
    monkeypatch.setenv("EDGEWISE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    for text in ("the first", "the second", "the third"):
        done("add", text)
    return home


def lose_words(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
    connection.commit()
    connection.close()


def test_a_day_with_a_backup(home: Path) -> None:
    assert "3 records, checked, in" in done("backup")
    (kept,) = (home / "backups").iterdir()
    assert kept.name.startswith("context-20")
    assert f"{kept} is sound: 3 records." in done("check", str(kept))
    done("forget", "--all", "--yes")
    shown = done("restore", str(kept))
    assert "The store holds 3 records now." in shown
    assert f"What was there before is in {home / 'context.former-1.db'}" in shown
    assert "the second" in done("list")


def test_a_backup_goes_where_it_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    told = json.loads(done("backup", str(tmp_path / "stick"), "--json"))
    assert (Path(told["path"]).parent, told["records"]) == (tmp_path / "stick", 3)
    done("backup", str(tmp_path / "kept.db"))
    assert "exists" in error("backup", str(tmp_path / "kept.db")).message
    assert json.loads(done("restore", str(tmp_path / "kept.db"), "--json")) == {
        "records": 3,
        "former": str(home / "context.former-1.db"),
    }


def test_a_check_says_what_is_wrong_and_what_helps(home: Path) -> None:
    assert json.loads(done("check", "--json")) == {
        "path": str(home / "context.db"),
        "sound": True,
        "records": 3,
        "faults": [],
    }
    lose_words(home / "context.db")
    result = run("check")
    assert result.exit_code == 1
    assert "The index of words differs from the records" in result.stdout
    assert "3 records can be read. `edgewise context repair` saves what it can" in result.stdout
    assert json.loads(run("check", "--json").stdout)["faults"][0]["part"] == "words"
    assert isinstance(error("backup"), StoreCorrupt)


def test_a_repair_says_what_it_did(home: Path) -> None:
    assert "is sound: nothing was to be done." in done("repair")
    lose_words(home / "context.db")
    shown = done("repair")
    assert "The index of words differs" in shown
    assert "The store was made anew and holds 3 records." in shown
    assert "No record was lost." in shown
    assert f"The damaged file is {home / 'context.former-1.db'}." in shown
    assert "the second" in done("search", "second")


def test_a_repair_names_its_losses(home: Path) -> None:
    connection = sqlite3.connect(home / "context.db")
    connection.execute("UPDATE records SET body = CAST(x'ff' AS TEXT) WHERE id = 2")
    connection.commit()
    connection.close()
    assert "Records that cannot be read: 1, with the ids 2." in run("check").stdout
    told = json.loads(done("repair", "--json"))
    assert (told["records"], told["lost_record_ids"], told["all_losses_known"]) == (2, [2], True)


def test_without_a_store_there_is_nothing_to_keep(home: Path) -> None:
    (home / "context.db").unlink()
    for words in (("backup",), ("check",), ("repair",)):
        assert isinstance(error(*words), StoreUnavailable)
    assert not (home / "context.db").exists()


def test_a_damaged_store_names_the_way_out(home: Path) -> None:
    (home / "context.db").write_bytes(b"\0" * 8192)
    told = str(error("list"))
    assert str(home / "context.db") in told
    assert "edgewise context restore FILE" in told
    assert "edgewise context repair" in told
