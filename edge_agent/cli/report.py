"""`edgewise report`: what was decided, saved and spent, on one page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.report.page import Report

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PAGE: Final = Path("edgewise-report.html")


def report(
    out: Annotated[
        Path | None, typer.Option("--out", help="The page to write; edgewise-report.html by default.", metavar="FILE")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Look back as far as 24h, 7d, 2w; without it, to the first question.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="Write the plots as pictures into this folder.", metavar="FOLDER")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Draw routes, savings, the frontier of quality and cost, calibration and forecast errors.

    The page is one file that needs no network. Nothing of what was asked or answered is in it.

    \b
      edgewise report --since 7d
      edgewise report --out week.html --png pictures
    """
    from edge_agent.config import Config

    made = _report(Config.load(config), since)
    page = out or (_PAGE if png is None else None)
    try:
        written = _written(made, page, png)
    except OSError as error:
        raise InvalidRequest(
            f"the report cannot be written to {error.filename}: {error.strerror}", remedy="name another place"
        ) from None
    for file in written:
        console().print(str(file), markup=False)


def _written(made: Report, page: Path | None, pictures: Path | None) -> list[Path]:
    files = made.save_pictures(pictures) if pictures else []
    if page is not None:
        page.write_text(made.html(), encoding="utf-8")
        files.append(page)
    return files


def _report(config: Config, since: str | None) -> Report:
    from edge_agent.journal import Journal
    from edge_agent.ledger import SqliteLedgerStore
    from orchestrator.budget import Ledger
    from orchestrator.clock import SystemClock

    try:
        from edge_agent.report.page import Report
        from edge_agent.report.spending import spending
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed", remedy="pip install 'edgewise[plot]'") from None

    clock = SystemClock()
    now = clock.now()
    begins = _begins(since, now) if since else None
    with Journal.open(config.journal_path) as journal, SqliteLedgerStore.open(config.ledger_path) as store:
        states = Ledger(store, config.budget_windows, clock, pacing=config.pacing).state()
        return Report.of(journal.since(begins), spending(store, states), begins=begins, now=now)


def _begins(since: str, now: datetime) -> datetime:
    """The moment so long before `now`.

    Raises:
        InvalidRequest: it is no stretch of time.
    """
    from orchestrator.budget.window import seconds_in

    short = re.fullmatch(r"(\d{1,9}) ?([mhdw])", since.strip())
    try:
        return now - timedelta(seconds=seconds_in(f"{short[1]} {_UNITS[short[2]]}" if short else since))
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{since!r} is no stretch of time", remedy="write 24h, 7d, 2w, or a number of minutes, hours, days or weeks"
        ) from None
