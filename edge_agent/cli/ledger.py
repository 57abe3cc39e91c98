"""`edgewise ledger`: what was spent, is reserved and is left."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from orchestrator.budget import WindowState


def ledger(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show every budget window: spent, reserved, left, and when it opens again.

    Windows are set in the configuration file, under `windows`.
    """
    from edge_agent.config import Config
    from edge_agent.ledger import SqliteLedgerStore
    from orchestrator.budget import Ledger
    from orchestrator.clock import SystemClock

    chosen = Config.load(config)
    with SqliteLedgerStore.open(chosen.ledger_path) as store:
        states = Ledger(store, chosen.budget_windows, SystemClock()).state()
    if as_json:
        sys.stdout.write(json.dumps([_plain(state) for state in states]) + "\n")
    else:
        _print(states)


def _plain(state: WindowState) -> dict[str, object]:
    return {
        "window": state.window.name,
        "resource": state.window.resource.value,
        "limit": state.window.limit,
        "period_s": state.window.period_s,
        "spent": state.spent,
        "reserved": state.reserved,
        "left": state.left,
        "reopens_at": state.reopens_at.isoformat(),
    }


def _print(states: list[WindowState]) -> None:
    from rich.table import Table

    if not states:
        console().print("No budget window is configured: nothing is limited.")
        return
    table = Table(pad_edge=False, box=None)
    for name in ("window", "spent", "reserved", "left", "limit", "opens again"):
        table.add_column(name, justify="left" if name == "window" else "right", no_wrap=True)
    for state in states:
        say = state.window.resource.in_words
        amounts = (state.spent, state.reserved, state.left, state.window.limit)
        table.add_row(state.window.name, *map(say, amounts), f"{state.reopens_at.astimezone():%a %H:%M}")
    console().print(table)
