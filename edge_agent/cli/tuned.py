"""What `edgewise models tune` shows in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import console

if TYPE_CHECKING:
    from edge_agent.slm.tune.report import Report


def print_report(report: Report, folder: Path) -> None:
    """The chosen formats, and the model before and after."""
    from rich.table import Table

    from edge_agent.slm.tune.report import shown

    recipe, divergence, pace = report.before
    chosen = report.chosen
    assert chosen.pace is not None
    table = Table("", f"before ({recipe})", "tuned", "unit", box=None, pad_edge=False)
    for column in table.columns[1:3]:
        column.justify = "right"
    table.add_row("read", f"{pace.read_tokens_per_s:,.0f}", f"{chosen.pace.read_tokens_per_s:,.0f}", "tokens/s")
    table.add_row("write", f"{pace.write_tokens_per_s:,.1f}", f"{chosen.pace.write_tokens_per_s:,.1f}", "tokens/s")
    table.add_row("divergence", f"{divergence.kl:.4f}", f"{chosen.divergence.kl:.4f}", "nats")
    table.add_row("agreement", f"{divergence.agreement:.3f}", f"{chosen.divergence.agreement:.3f}", "")
    out = console()
    out.print(table)
    for group, fmt in chosen.plan.formats.items():
        out.print(f"  {group.replace('_', ' ')}: {shown(fmt)}", highlight=False)
    out.print(f"\nThe report is {folder / 'tuning.md'}; edgewise models pull puts the usual recipe back.", style="dim")
