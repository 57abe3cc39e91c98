"""`edgewise mcp`, but for the server, which tests/edge_agent/mcp meets as its clients do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.journal import Journal
from orchestrator.errors import ConfigError


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def test_the_log_shows_who_was_given_what(own_home: Path) -> None:
    assert "No program has asked" in CliRunner().invoke(app, ["mcp", "--log"]).stdout
    with Journal.open(own_home / "journal.db") as journal:
        journal.accessed("probe [bold]", "search_context", [3, 1], withheld=2)
        journal.accessed("other", "recent_context", [], withheld=0)
    shown = CliRunner().invoke(app, ["mcp", "--log"]).stdout.splitlines()
    assert [line.split()[2] for line in shown[1:]] == ["other", "probe"]
    assert "probe [bold]  search_context  3, 1" in shown[2]
    (_, first) = json.loads(CliRunner().invoke(app, ["mcp", "--log", "--json"]).stdout)
    assert (first["client"], first["record_ids"], first["withheld"]) == ("probe [bold]", [3, 1], 2)


def test_its_help_tells_how_clients_find_it() -> None:
    shown = CliRunner().invoke(app, ["mcp", "--help"]).stdout
    (told,) = [line for line in shown.splitlines() if "mcpServers" in line]
    assert json.loads(told) == {"mcpServers": {"edgewise": {"command": "edgewise", "args": ["mcp"]}}}


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "mcp" or name.startswith("edge_agent.mcp")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "mcp", None)
    error = CliRunner().invoke(app, ["mcp"]).exception
    assert isinstance(error, ConfigError)
    assert "edgewise[mcp]" in str(error)
