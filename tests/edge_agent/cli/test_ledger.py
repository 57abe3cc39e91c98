"""`edgewise ledger`: every window, a question's own limits, and the battery."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli import app
from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, Resource, Window
from orchestrator.clock import SystemClock
from orchestrator.types import Spend
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)
WEEK_S = 604_800


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    (tmp_path / "agent.yaml").write_text(
        "windows:\n"
        "  - {name: energy, resource: device_joules, limit: 600, per: 2 weeks}\n"
        "  - {name: leaving, resource: cloud_share, limit: 0.5, per: 2 weeks}\n"
        "budget: {device_joules: 30}\n"
        "battery: {floor: 0.2, below: nothing}\n"
    )
    windows = [
        Window("energy", Resource.DEVICE_JOULES, 600, 2 * WEEK_S),
        Window("leaving", Resource.CLOUD_SHARE, 0.5, 2 * WEEK_S),
    ]
    with SqliteLedgerStore.open(tmp_path / "ledger.db") as store:
        ledger = Ledger(store, windows, SystemClock())
        for cloud_requests in (0, 1):
            asked = Spend(device_joules=10, cloud_requests=cloud_requests, questions=1)
            ledger.settle(ledger.reserve(asked, ttl_s=60), asked)


def test_windows_limits_and_the_floor_are_shown() -> None:
    shown = COMMANDS.done("ledger")
    energy, leaving = shown.splitlines()[1:3]
    assert energy.split()[:9] == ["energy", "20.0", "J", "0.0", "J", "580.0", "J", "600.0", "J"]
    assert leaving.split()[:7] == ["leaving", "1", "of", "2", "0", "0", "50%"]
    assert "a question: at most 60000 ms, 30 J, 0.01 USD" in shown
    assert "below 20%, nothing is spent from it" in shown


def test_the_same_as_json() -> None:
    energy, leaving = COMMANDS.as_json("ledger")
    assert (energy["spent"], energy["left"], energy["period_s"]) == (20, 580, 2 * WEEK_S)
    assert energy["price"] >= 1
    assert (leaving["spent"], leaving["questions"], leaving["left"]) == (1, 2, 0)
