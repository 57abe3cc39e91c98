"""`edgewise ledger`: what was spent, is reserved and is left."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from edge_agent.config import Config
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
        return
    _print(states)
    console().print(_question(chosen), _battery(chosen), sep="\n", highlight=False)


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
    for name in ("window", "spent", "reserved", "left", "limit", "price", "opens"):
        table.add_column(name, justify="left" if name == "window" else "right", no_wrap=True)
    for state in states:
        amounts = (state.spent, state.reserved, state.left, state.window.limit)
        cells = [state.window.resource.in_words(amount) for amount in amounts]
        if state.window.resource is Resource.CLOUD_SHARE:
            cells = [f"{state.spent:.0f} of {state.questions}", f"{state.reserved:.0f}", f"{state.left:.0f}"]
            cells.append(f"{state.window.limit:.0%} leave")
        opens = f"{state.reopens_at.astimezone():%a %H:%M}"
        table.add_row(state.window.name, *cells, f"×{state.price:.3g}", opens)
    console().print(table)


def _question(config: Config) -> str:
    """What one question may take where it does not say itself."""
    budget = config.default_budget
    units = {"first_token_ms": "ms to the first token", "total_ms": "ms", "device_joules": "J", "usd": "USD"}
    limits = [f"{getattr(budget, name):g} {unit}" for name, unit in units.items() if getattr(budget, name) is not None]
    return "a question: " + (f"at most {', '.join(limits)}" if limits else "no limits of its own")


def _battery(config: Config) -> str:
    """The battery's floor, and where the battery is."""
    from edge_agent.energy import SystemBattery
    from orchestrator.budget import Below

    floor, power = config.battery_floor, SystemBattery().power()
    if not floor.charge:
        return "battery: no floor"
    feeding = "" if power is None else ", plugged in" if power.plugged_in else ", draining"
    here = "none here" if power is None else f"at {power.charge:.0%}{feeding}"
    spent = "nothing" if floor.below is Below.NOTHING else "only what is essential"
    return f"battery: {here}; below {floor.charge:.0%}, {spent} is spent from it"
