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
    assert energy["periods"] == [0] * 23 + [20]
    assert leaving["periods"][-1] == 0.5


def test_each_window_is_a_bar_of_its_limit() -> None:
    lines = COMMANDS.done("ledger").splitlines()
    energy, leaving = (next(line for line in lines[3:] if line.startswith(name)) for name in ("energy", "leaving"))
    assert energy.split()[2:] == ["3%", "before:", "nothing"]
    assert leaving.split()[2:] == ["100%", "before:", "nothing"]
    for line, spent in ((energy, 1), (leaving, 30)):
        bar = line.split()[1]
        assert len(bar) == 30
        assert bar.count("│") == 1
        assert bar.count("█") in (spent, spent - 1), "the line of the moment may stand on it"


def test_periods_before_the_present_one_are_a_small_chart(tmp_path: Path) -> None:
    account = Window("energy", Resource.DEVICE_JOULES, 600, 2 * WEEK_S).at(SystemClock().now()).account
    with SqliteLedgerStore.open(tmp_path / "ledger.db") as store, store._database.write() as db:
        for ago, spent in ((1, 600.0), (3, 300.0), (40, 600.0)):
            start_s = account.start_s - ago * account.period_s
            db.execute(
                "INSERT INTO spending VALUES (?, ?, ?, ?, ?)",
                ["energy", "device_joules", account.period_s, start_s, spent],
            )
    assert "before: ▄ █" in COMMANDS.done("ledger")


def test_a_plot_is_drawn_into_a_file(tmp_path: Path) -> None:
    COMMANDS.done("ledger", "--plot", str(tmp_path / "windows.png"))
    assert (tmp_path / "windows.png").read_bytes().startswith(b"\x89PNG")
    assert "cannot be written" in str(COMMANDS.error("ledger", "--plot", str(tmp_path / "no" / "such.png")))
    (tmp_path / "agent.yaml").write_text("windows: []\n")
    assert "no budget window is configured" in str(COMMANDS.error("ledger", "--plot", str(tmp_path / "none.png")))
