"""`edgewise ledger`: what was spent, is reserved and is left."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.report.spending import Spending
    from orchestrator.budget import WindowState

_BAR: Final = 30
"""Characters of a whole limit."""
_LEVELS: Final = " ▁▂▃▄▅▆▇█"


def ledger(
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw each window's latest periods into this PNG.", metavar="FILE")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Show every budget window: spent, reserved, left, and when it opens again.

    The price is how many times its usual price spending costs a decision now: it rises while a window is spent faster
    than planned. Below, each limit is a bar: spent is full, reserved is pale, and the line is where the present period
    has come to. Windows are set in the configuration file, under `windows`.
    """
    from edge_agent.config import Config
    from edge_agent.ledger import SqliteLedgerStore
    from edge_agent.report.spending import spending
    from orchestrator.budget import Ledger
    from orchestrator.clock import SystemClock

    chosen, clock = Config.load(config), SystemClock()
    with SqliteLedgerStore.open(chosen.ledger_path) as store:
        states = Ledger(store, chosen.budget_windows, clock, pacing=chosen.pacing).state()
        spendings = spending(store, states)
    if plot is not None:
        _draw(spendings, clock.now(), plot)
    if as_json:
        sys.stdout.write(json.dumps([_plain(each) for each in spendings]) + "\n")
        return
    _print(states)
    _print_bars(spendings, clock.now())
    console().print(_question(chosen), _battery(chosen), sep="\n", highlight=False)


def _draw(spendings: list[Spending], now: datetime, file: Path) -> None:
    """Write the picture.

    Raises:
        ConfigError: what draws it is not installed.
        InvalidRequest: there is no window to draw, or the file cannot be written.
    """
    if not spendings:
        raise InvalidRequest("no budget window is configured", remedy="add one under `windows`")
    try:
        from edge_agent.report.plots import windows
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed", remedy="pip install 'edgewise[plot]'") from None
    try:
        windows(spendings, now).save(file)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"the plot {file} cannot be written: {error}", remedy="name a .png file") from None


def _plain(each: Spending) -> dict[str, object]:
    state = each.state
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
        "periods": list(each.periods),
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


def _print_bars(spendings: list[Spending], now: datetime) -> None:
    """Each window's limit as a bar, and the periods before the present one as a small chart of the same scale."""
    if not spendings:
        return
    width = max(len(each.state.window.name) for each in spendings)
    lines = [
        f"{each.state.window.name:{width}}  {_bar(each, now)} {each.used:4.0%}  before: {_chart(each)}".rstrip()
        for each in spendings
    ]
    console().print("", *lines, "", sep="\n", markup=False)


def _bar(spending: Spending, now: datetime) -> str:
    """Spent, reserved and free; the line shows how much of the period has passed."""
    full = round(_BAR * min(1.0, spending.used))
    held = round(_BAR * min(1.0, spending.used + spending.reserved)) - full
    bar = list("█" * full + "▒" * held + "░" * (_BAR - full - held))
    bar[min(_BAR - 1, int(_BAR * spending.elapsed(now)))] = "│"
    return "".join(bar)


def _chart(spending: Spending) -> str:
    """The earlier periods, from the first one in which anything was spent; a whole block is the limit."""
    limit, top = spending.state.window.limit, len(_LEVELS) - 1
    shares = [min(1.0, spent / limit) if limit > 0 else float(spent > 0) for spent in spending.periods[:-1]]
    return "".join(_LEVELS[math.ceil(top * share)] for share in shares).lstrip() or "nothing"


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
