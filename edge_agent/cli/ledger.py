"""`edgewise ledger`: what was spent, is reserved and is left."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from orchestrator.budget import WindowState


def ledger(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show every budget window: spent, reserved, left, and when it opens again.

    The price is how many times its usual price spending costs a decision now: it rises while a window is spent faster
    than planned. Windows are set in the configuration file, under `windows`.
    """
    from edge_agent.config import Config
    from edge_agent.ledger import SqliteLedgerStore
    from orchestrator.budget import Ledger
    from orchestrator.clock import SystemClock

    chosen = Config.load(config)
    with SqliteLedgerStore.open(chosen.ledger_path) as store:
        states = Ledger(store, chosen.budget_windows, SystemClock(), pacing=chosen.pacing).state()
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
        "left": state.left if math.isfinite(state.left) else None,
        "questions": state.questions,
        "price": state.price,
        "reopens_at": state.reopens_at.isoformat(),
    }


def _print(states: list[WindowState]) -> None:
    from rich.table import Table

    from orchestrator.budget import Resource

    if not states:
        console().print("No budget window is configured: nothing is limited.")
        return
    table = Table(pad_edge=False, box=None)
    for name in ("window", "spent", "reserved", "left", "limit", "price", "opens again"):
        table.add_column(name, justify="left" if name == "window" else "right", no_wrap=True)
    for state in states:
        say = state.window.resource.in_words
        amounts = [say(amount) for amount in (state.spent, state.reserved, state.left)]
        if state.window.resource is Resource.CLOUD_SHARE:
            amounts[0] = f"{state.spent:.0f} of {state.questions} questions"
        limit = state.window.limit_in_words
        opens = f"{state.reopens_at.astimezone():%a %H:%M}"
        table.add_row(state.window.name, *amounts, limit, f"× {state.price:.2f}", opens)
    console().print(table)
