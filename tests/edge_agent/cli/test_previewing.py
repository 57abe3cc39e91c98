"""`edgewise ask --dry-run`, and what an app gets for the same: nothing is sent, and no socket is opened."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent import Agent, Config
from edge_agent.cli import app
from edge_agent.config import ModelSection
from edge_agent.sections.records import ContextSection
from orchestrator.types import Sensitivity
from tests.e2e.confined import ARCHITECTURES
from tests.edge_agent.cli.commands import Commands

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = Commands(app)


@pytest.fixture
def home(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with some records, and a gateway that is not there."""
    settings = {
        "EDGEWISE_HOME": str(tmp_path),
        "EDGEWISE_MODEL__NAME": str(model),
        "EDGEWISE_CLOUD__TARGET": "models.example:8443",
        "EDGEWISE_CONTEXT__EMBEDDING": "",
        "COLUMNS": "200",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    COMMANDS.done("context", "add", "The boiler in the cellar is behind the wine rack", "--sensitivity", "public")
    COMMANDS.done("context", "add", "The key of the safe is under the stairs", "--sensitivity", "private")
    return tmp_path


def test_what_would_leave_is_shown_and_nothing_does(home: Path) -> None:
    shown = COMMANDS.done("ask", "--dry-run", "--route", "cloud", "Which boiler is in the cellar?")
    assert shown.startswith("Nothing was sent. The cloud would answer: asked for the cloud.")
    assert "This would leave, for models.example:8443, under the rule public: allow." in shown
    assert "records: 1 (public) goes as it is" in shown
    assert "The boiler in the cellar is behind the wine rack" in shown
    assert COMMANDS.as_json("egress", "list") == []


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in ARCHITECTURES, reason="needs seccomp")
def test_it_touches_no_network(home: Path) -> None:
    """The kernel ends it at its first socket."""
    program = str(Path(sys.executable).with_name("edgewise"))
    command = [sys.executable, "-m", "tests.e2e.confined", program, "ask", "--dry-run", "--route", "cloud", "Why?"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "This would leave" in done.stdout


def test_what_stays_is_shown_with_its_reason(home: Path) -> None:
    question = "Where is the key of the safe?"
    shown = COMMANDS.done("ask", "--dry-run", "--route", "cloud", question)
    assert "Nothing may leave: " in shown
    assert "under the stairs" not in shown
    plain: Any = COMMANDS.as_json("ask", "--dry-run", "--route", "cloud", question)
    assert (plain["leaves"], plain["outbound"], plain["route"]) == (False, None, "local")
    assert {"id": 2, "label": "private", "action": "keep"} in plain["records"]


def test_what_is_remembered_of_consent_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_PRIVACY__PUBLIC", "ask")
    words = ("ask", "--dry-run", "--route", "cloud", "What do bees make?")
    assert "consent: you would be asked" in COMMANDS.done(*words)
    with Agent.open() as agent:
        agent._agent.parts.egress.consents.remember(Sensitivity.PUBLIC, "models.example:8443", allowed=False)
        assert agent.preview("What do bees make?", route="cloud").agreed is False
    assert "consent: you said never" in COMMANDS.done(*words)


def test_without_a_gateway_nothing_may_leave(model: Path, tmp_path: Path) -> None:
    config = Config(state=tmp_path, model=ModelSection(name=str(model)), context=ContextSection(embedding=""))
    with Agent.open(config) as agent:
        shown = agent.preview("What do bees make?")
    assert (shown.destination, shown.outbound, shown.leaves) == ("", None, False)
    assert shown.kept
