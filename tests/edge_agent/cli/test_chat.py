"""`edgewise chat`, as its user types it, on a tiny random model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.chat import app
from orchestrator.errors import InvalidRequest, RecordNotFound
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)
run, done, error = COMMANDS.run, COMMANDS.done, COMMANDS.error


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("EDGEWISE_HOME", str(home))
    monkeypatch.setenv("EDGEWISE_MODEL__NAME", str(model))
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", "")
    monkeypatch.setenv("EDGEWISE_ANSWER__MAX_TOKENS", "4")
    monkeypatch.setenv("COLUMNS", "120")
    return home


def listed() -> Any:
    return json.loads(done("list", "--json"))


def test_a_conversation_is_kept_resumed_and_named() -> None:
    assert "No conversations yet." in done("list")
    done(typed="It knocks at night.\n/name boiler\n/quit\n")
    assert [(entry["name"], entry["exchanges"]) for entry in listed()] == [("boiler", 1)]
    assert "1 earlier question;" in done("--resume", typed="Why?\n")
    done("--session", "boiler", typed="And now?\n")
    done("--session", "theatre", typed="Who wrote Hamlet?\n/new\nWho wrote Faust?\n")
    assert [(entry["title"], entry["exchanges"]) for entry in listed()] == [
        ("Who wrote Faust?", 1),
        ("theatre", 1),
        ("boiler", 3),
    ]
    assert "boiler" in done("list")
    shown = done("show", "boiler")
    assert shown.index("It knocks at night.") < shown.index("Why?") < shown.index("And now?")
    assert len(json.loads(done("show", "boiler", "--json"))["turns"]) == 6


def test_a_conversation_is_renamed_and_deleted(own_home: Path) -> None:
    done("--session", "one", typed="My canary is called Zwölf\n")
    done("rename", "one", "birds")
    assert run("delete", "birds", typed="n\n").exit_code == 1
    assert "Deleted 2 turns." in done("delete", "birds", typed="y\n")
    assert listed() == []
    assert not any("Zwölf".encode() in file.read_bytes() for file in own_home.rglob("*") if file.is_file())
    for words in (("show", "birds"), ("delete", "birds", "--yes"), ("rename", "birds", "x"), ("--resume",)):
        assert isinstance(error(*words), RecordNotFound)


def test_incognito_keeps_nothing(own_home: Path) -> None:
    done("--incognito", typed="My canary is called Zwölf\nhello\n/name x\n")
    done(typed="/incognito\nZwölf\n")
    assert listed() == []
    assert not any("Zwölf".encode() in file.read_bytes() for file in own_home.rglob("*") if file.is_file())


def test_options_that_contradict_each_other_are_named() -> None:
    assert isinstance(error("--resume", "--incognito"), InvalidRequest)
    assert "choose one" in str(error("--resume", "--session", "x"))
